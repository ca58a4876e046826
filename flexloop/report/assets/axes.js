// What freeing each axis gains on each line of the lattice: dots, and their geometric mean.

function axisGains() {
  const gains = Object.fromEntries(Object.keys(AXES).map(axis => [axis, []]));
  for (const [lower, upper] of data.lattice.lines) {
    const gain = gainOf(upper) / gainOf(lower);
    if (exists(gain) && gain > 0) gains[freedAxis(lower, upper)].push({lower, upper, gain});
  }
  return gains;
}

function drawAxes(width) {
  const gains = axisGains();
  const all = Object.values(gains).flat().map(edge => edge.gain);
  if (!all.length) return html('p', {class: 'muted'}, 'No two neighbouring classes with results: no gains by axis to show.');
  const low = Math.min(0.97, ...all), high = Math.max(1.1, ...all) * 1.06;
  const left = 22, top = 44, rowStep = 62, right = 52;
  const bottom = top + 4 * rowStep, height = bottom + 40;
  const x = gain => left + Math.log(gain / low) / Math.log(high / low) * (width - left - right);
  const parts = [text(0, 16, 'What freeing one axis gains', {class: 'name'}),
    text(0, 32, 'a dot a line of the lattice; bar: mean', {class: 'small muted'})];
  const ticks = logTicks(low, high);
  for (const tick of ticks.length > 1 ? ticks : [1, Number(high.toPrecision(2))])
    parts.push(svg('line', {x1: x(tick), x2: x(tick), y1: top, y2: bottom, class: tick === 1 ? 'axis' : 'grid'}),
      text(x(tick), bottom + 15, times(tick).replace(/\.?0+×/, '×'), {class: 'small', 'text-anchor': 'middle'}));
  parts.push(text((left + width - right) / 2, bottom + 33, `${METRICS[state.metric]} of an edge`, {class: 'small', 'text-anchor': 'middle'}));
  Object.entries(AXES).forEach(([axis, {name, colour}], index) => {
    const y = top + (index + 0.5) * rowStep, edges = gains[axis];
    parts.push(text(0, y + 4, axis, {class: 'name', fill: colour}), text(left + 2, y - 19, name, {class: 'small muted'}));
    if (!edges.length) return;
    const mean = Math.exp(edges.reduce((sum, edge) => sum + Math.log(edge.gain), 0) / edges.length);
    edges.forEach((edge, place) => parts.push(svg('circle', {
      cx: x(edge.gain), cy: y + 6 * ((place % 3) - 1), r: 4.5, fill: colour, 'fill-opacity': 0.45, stroke: colour,
      'data-tip': `${edge.lower} → ${edge.upper}\n${times(edge.gain)}`,
    })));
    parts.push(svg('line', {x1: x(mean), x2: x(mean), y1: y - 14, y2: y + 14, stroke: '#111', 'stroke-width': 2.5}),
      text(width - right + 6, y + 4, times(mean), {class: 'value'}));
  });
  return drawing(width, height, 'Gain of each axis', parts);
}
