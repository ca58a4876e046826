// What freeing each axis gains on each line of the lattice: dots, and their geometric mean.

function axisGains() {
  const gains = Object.fromEntries(Object.keys(AXES).map(axis => [axis, []]));
  for (const [lower, upper] of data.lattice.lines) {
    const gain = gainOf(upper) / gainOf(lower);
    const axis = freedAxis(lower, upper);
    if (axis && exists(gain) && gain > 0) gains[axis].push({lower, upper, gain});
  }
  return gains;
}

/** What an axis is worth: freed alone, freed last, and its Shapley value, the mean over all orders of freeing the four. */
function axisWorth(axis) {
  const weights = [1 / 4, 1 / 12, 1 / 12, 1 / 4], gains = [[], [], [], []];
  for (const lower of data.classes.filter(name => !name.includes('p') && name.includes(`${axis}0`))) {
    const gain = gainOf(lower.replace(`${axis}0`, `${axis}1`)) / gainOf(lower);
    if (exists(gain) && gain > 0) gains[lower.split('1').length - 1].push(gain);
  }
  if (gains.flat().length !== 8) return null;
  const value = gains.flatMap((ratios, free) => ratios.map(gain => weights[free] * Math.log(gain))).reduce((a, b) => a + b, 0);
  return {axis, alone: gains[0][0], last: gains[3][0], value};
}

function worthTable() {
  const worths = Object.keys(AXES).map(axisWorth), numbers = values => values.map(value => html('td', {class: 'number'}, value));
  if (!worths.every(Boolean)) return null;
  const all = worths.reduce((sum, {value}) => sum + value, 0);
  return [html('table', {class: 'plain worth', 'data-name': 'axes'},
    html('thead', {}, html('tr', {}, ['axis', 'alone', 'last', 'Shapley', 'share'].map((name, index) => html('th', {scope: 'col', class: index ? 'number' : null}, name)))),
    html('tbody', {}, worths.map(({axis, alone, last, value}) => html('tr', {}, html('th', {scope: 'row'}, axis),
      numbers([times(alone), times(last), times(Math.exp(value)), all > 1e-9 ? percent(value / all) : MISSING]))))),
  html('p', {class: 'small muted'}, `${METRICS[state.metric]} of freeing an axis first (alone), last, and on average over all `
    + 'orders (Shapley; the four multiply to the whole).')];
}

function drawAxes(width) {
  return html('div', {}, drawAxisGains(axisGains(), width), worthTable());
}

function drawAxisGains(gains, width) {
  const all = Object.values(gains).flat().map(edge => edge.gain);
  if (!all.length) return html('p', {class: 'muted'}, 'No two neighbouring classes with results: no gains by axis to show.');
  const least = Math.min(1, ...all), most = Math.max(1.1, ...all), margin = (most / least) ** 0.06;
  const low = least / margin, high = most * margin;
  const left = 22, top = 44, rowStep = 62, right = 52;
  const bottom = top + 4 * rowStep, height = bottom + 40;
  const x = gain => left + Math.log(gain / low) / Math.log(high / low) * (width - left - right);
  const parts = [text(0, 16, 'What freeing one axis gains', {class: 'name'}),
    text(0, 32, 'a dot for each line of the lattice; bar: mean', {class: 'small muted'})];
  for (const tick of roundTicks(low, high, Math.min(8, Math.floor((width - left - right) / 44))))
    parts.push(svg('line', {x1: x(tick), x2: x(tick), y1: top, y2: bottom, class: tick === 1 ? 'axis' : 'grid'}),
      text(x(tick), bottom + 15, timesAt(tick), {class: 'small', 'text-anchor': 'middle'}));
  parts.push(text((left + width - right) / 2, bottom + 33, `${METRICS[state.metric]} of an edge`, {class: 'small', 'text-anchor': 'middle'}));
  Object.entries(AXES).forEach(([axis, {name, colour}], index) => {
    const y = top + (index + 0.5) * rowStep, edges = gains[axis];
    parts.push(text(0, y + 4, axis, {class: 'name', fill: colour}), text(left + 2, y - 19, name, {class: 'small muted halo'}));
    if (!edges.length) return;
    const mean = Math.exp(edges.reduce((sum, edge) => sum + Math.log(edge.gain), 0) / edges.length);
    edges.forEach((edge, place) => parts.push(svg('circle', {
      cx: x(edge.gain), cy: y + 6 * ((place % 3) - 1), r: 4.5, fill: colour, 'fill-opacity': 0.45, stroke: colour,
      'data-tip': `${edge.lower} → ${edge.upper}\n${times(edge.gain)}`,
    })));
    parts.push(svg('line', {x1: x(mean), x2: x(mean), y1: y - 14, y2: y + 14, stroke: 'var(--ink)', 'stroke-width': 2.5}),
      text(width - right + 6, y + 4, times(mean), {class: 'value'}));
  });
  return drawing(width, height, 'Gain of each axis', parts);
}
