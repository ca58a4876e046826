// The Hasse diagram: classes as boxes coloured by gain, lines that free one axis.

/** The axis in which two class names differ; null where they differ in several, as in a study of a few classes. */
function freedAxis(lower, upper) {
  const freed = [0, 2, 4, 6].filter(at => lower[at + 1] !== upper[at + 1]);
  return freed.length === 1 ? lower[freed[0]] : null;
}

function drawLattice(width) {
  const {nodes, lines} = data.lattice;
  const rows = 1 + Math.max(...nodes.map(node => node.row));
  const widest = 1 + 2 * Math.max(...nodes.map(node => Math.abs(node.x)));
  const visible = width, step = Math.max(width / widest, printing ? 0 : 42); // narrower than that the figure scrolls
  width = Math.max(width, Math.floor(step * widest));
  const boxWidth = Math.min(112, step - (step > 80 ? 14 : 4));
  const small = boxWidth < 76, folded = boxWidth < 62; // a folded name stands on two lines
  const boxHeight = folded ? 42 : small ? 30 : 42, rowStep = boxHeight + (rows > 6 ? 52 : 62);
  const bottom = (rows - 1) * rowStep + boxHeight + 18;
  const centre = node => [width / 2 + node.x * step, 6 + boxHeight / 2 + (rows - 1 - node.row) * rowStep];
  const scale = gainScale(nodes.map(node => gainOf(node.class)));
  const places = new Map(nodes.map(node => [node.class, centre(node)]));

  const edges = lines.map(([lower, upper]) => {
    const gain = gainOf(upper) / gainOf(lower), axis = AXES[freedAxis(lower, upper)] || SEVERAL_AXES;
    const [[x1, y1], [x2, y2]] = [places.get(lower), places.get(upper)];
    const known = exists(gain) && gain > 0;
    const growth = known && axis !== SEVERAL_AXES ? Math.log2(Math.max(gain, 1)) : 0;
    return svg('line', {
      x1, y1: y1 - boxHeight / 2, x2, y2: y2 + boxHeight / 2, class: 'edge',
      stroke: growth > 0.01 ? axis.colour : 'var(--edge)', 'stroke-dasharray': axis.dash,
      'stroke-width': small ? 0.8 + Math.min(3, growth) : 1 + Math.min(6, 2.2 * growth),
      'data-tip': `${lower} → ${upper}\n${axis.name}: ${known ? times(gain) + ' ' + METRICS[state.metric] : 'unknown'}`,
    });
  });

  const boxes = nodes.map(node => {
    const [x, y] = places.get(node.class), gain = gainOf(node.class);
    const run = data.classes.includes(node.class);
    const fill = exists(gain) ? scale.colour(gain) : run ? 'url(#lattice-hatching)' : 'var(--page)';
    const ink = exists(gain) ? inkOn(fill) : 'var(--ink)';
    const label = `${node.class}: ${latticeWords(node.class, gain, run)}`;
    return svg('g', {
      ...(run ? button(label, () => change({class: node.class})) : {}),
      class: 'node' + (state.class === node.class ? ' chosen' : '') + (run ? '' : ' absent'),
      'data-class': node.class, 'data-tip': label,
    },
    svg('rect', {x: x - boxWidth / 2, y: y - boxHeight / 2, width: boxWidth, height: boxHeight, rx: 6, fill}),
    folded
      ? [node.class.slice(0, 4), node.class.slice(4)].map((half, line) => text(x, y - 9 + 12 * line, half, {class: 'tiny', fill: ink, 'text-anchor': 'middle'}))
      : text(x, y - (small ? 3 : 4), node.class, {class: small ? 'tiny' : 'name', fill: ink, 'text-anchor': 'middle'}),
    text(x, y + (folded ? 16 : small ? 10 : 14), run ? times(gain) : folded ? '–' : 'not run', {class: small ? 'tiny strong' : 'value', fill: ink, 'text-anchor': 'middle'}));
  });

  const axes = key(Object.entries(AXES).map(([letter, {name, colour, dash}]) => [
    (x, y) => svg('line', {x1: x - 10, x2: x + 16, y1: y, y2: y, stroke: colour, 'stroke-width': 2.5, 'stroke-dasharray': dash}), `${letter} ${name}`]),
  24, bottom, visible);
  const legend = scaleLegend(scale, `${METRICS[state.metric]} over ${data.baseline}, ${scopeWords()}`, 14, axes.bottom + 10, Math.min(300, width - 70));
  return drawing(width, legend.bottom, 'Hasse diagram of the classes', hatching('lattice-hatching'), edges, boxes, axes.parts, legend.parts);
}

function latticeWords(name, gain, run) {
  if (!run) return 'not run';
  if (exists(gain)) return `${METRICS[state.metric]} ${times(gain)}, ${scopeWords()}`;
  const missing = totals.filter(total => total.class === name && total.unmappable > 0);
  return missing.map(total => `${total.network}: ${total.unmappable} layers without a result`).join('; ') || 'unknown';
}
