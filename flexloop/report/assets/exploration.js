// Designs and their Pareto front: each pair of costs as a scatter plot, and the table of designs.

const columns = JSON.parse(byId('data').textContent);
const designs = columns.trial.map((_, row) => Object.fromEntries(Object.keys(columns).map(name => [name, columns[name][row]])));

const COSTS = {
  cycles: {label: 'latency (cycles)', show: si},
  energy_pj: {label: 'energy', show: value => `${digits(value / energyUnit(value)[0])} ${energyUnit(value)[1]}`},
  area_mm2: {label: 'area (mm²)', show: value => digits(value, 3)},
};
const PLOTS = [['area_mm2', 'cycles'], ['area_mm2', 'energy_pj'], ['energy_pj', 'cycles']];
const RANKS = ['0 axes flexible', '1', '2', '3', '4'];
const KNOBS = [...byId('space').querySelectorAll('th')].map(head => head.textContent).filter(knob => knob !== 'array');
const DESIGN_COLUMNS = [
  ['trial', 'design', whole], ['class', 'class', String], ['on', 'on the front', String], ['cycles', 'latency (cycles)', whole],
  ['energy_pj', 'energy', ENERGIES], ['area_mm2', 'area', AREAS],
  ['area_flexibility_mm2', 'of which flexibility', AREAS], ['pes', 'PEs', whole], ['array_shape', 'array', String],
  ...KNOBS.map(knob => [knob, knob, value => '×' + digits(value)]), ['proved', 'proved', value => value ? 'yes' : 'no'],
];

let chosen = null;
const freed = name => name.replace(/[^1p]/g, '').length;
const rankColour = rank => viridis(rank / 4);

function drawParetos(width) {
  const count = width > 900 ? 3 : 1, size = Math.floor(width / count);
  const legend = key([...RANKS.map((words, rank) => [(x, y) => svg('circle', {cx: x + 10, cy: y, r: 5, fill: rankColour(rank), stroke: 'var(--ink)'}), words]),
    [(x, y) => svg('circle', {cx: x + 10, cy: y, r: 4, class: 'beaten'}), 'beaten by another design']], 44, 12, width);
  const step = Math.min(380, size), height = legend.bottom + (PLOTS.length / count) * step;
  return drawing(width, height, 'Pareto fronts', legend.parts,
    PLOTS.map(([x, y], index) => svg('g', {transform: `translate(${(index % count) * size} ${legend.bottom + Math.floor(index / count) * step})`},
      scatter(x, y, size, step))));
}

function scatter(xName, yName, width, height) {
  const left = 66, right = 16, top = 14, bottom = height - 52;
  const scale = (name, from, to) => {
    const values = designs.map(design => design[name]);
    const margin = (Math.max(...values) / Math.min(...values)) ** 0.06 * 1.02;
    const [low, high] = [Math.min(...values) / margin, Math.max(...values) * margin];
    return {low, high, at: value => from + Math.log(value / low) / Math.log(high / low) * (to - from)};
  };
  const x = scale(xName, left, width - right), y = scale(yName, bottom, top), parts = [];
  for (const tick of roundTicks(x.low, x.high, 4)) parts.push(svg('line', {x1: x.at(tick), x2: x.at(tick), y1: top, y2: bottom, class: 'grid'}),
    text(x.at(tick), bottom + 16, COSTS[xName].show(tick), {class: 'small', 'text-anchor': 'middle'}));
  for (const tick of roundTicks(y.low, y.high, 6)) parts.push(svg('line', {x1: left, x2: width - right, y1: y.at(tick), y2: y.at(tick), class: 'grid'}),
    text(left - 6, y.at(tick) + 4, COSTS[yName].show(tick), {class: 'small', 'text-anchor': 'end'}));
  parts.push(text((left + width - right) / 2, bottom + 38, COSTS[xName].label, {class: 'small', 'text-anchor': 'middle'}),
    text(0, 0, COSTS[yName].label, {class: 'small', 'text-anchor': 'middle', transform: `translate(12 ${(top + bottom) / 2}) rotate(-90)`}));
  const byPlace = [...designs].sort((a, b) => a.front - b.front);
  return [parts, byPlace.map(design => svg('circle', {
    ...button(`design ${design.trial}, ${design.class}`, () => chooseDesign(design)), cx: x.at(design[xName]), cy: y.at(design[yName]),
    r: design.front ? 6 : 4, class: (design.front ? 'dot front' : 'dot beaten') + (design === chosen ? ' chosen' : ''),
    fill: design.front ? rankColour(freed(design.class)) : null, 'data-trial': design.trial, 'data-tip': designTip(design),
  }))];
}

const designTip = design => `design ${design.trial}, ${design.class}\n${si(design.cycles)} cycles, ${energy(design.energy_pj)}, ${digits(design.area_mm2, 3)} mm²\n`
  + [`${design.array_shape} PEs`, ...KNOBS.map(knob => `${knob} ×${design[knob]}`)].join(', ');

function chooseDesign(design) {
  chosen = design;
  drawPareto();
  byId('design').replaceChildren(html('h3', {}, `Design ${design.trial}`, html('span', {class: 'muted'}, design.front ? ', on the front' : '')),
    html('dl', {}, finished(DESIGN_COLUMNS, designs).filter(([name]) => name !== 'trial' && name !== 'on' && exists(design[name]))
      .map(([name, label, show]) => [html('dt', {}, label), html('dd', {}, show(design[name]))])));
}

function drawPareto(width = byId('pareto').clientWidth) {
  if (width > 0)
    byId('pareto').replaceChildren(drawParetos(Math.floor(width)), html('p', {class: 'downloads'},
      downloadButton('SVG', 'pareto', () => save('pareto.svg', svgFile(byId('pareto').querySelector('svg')), 'image/svg+xml'))));
}

for (const design of designs) {
  design.array_shape = `${design.array_x}×${design.array_y}`;
  design.on = design.front ? 'yes' : 'no';
}
sortingTable(byId('designs-table'), DESIGN_COLUMNS, designs, chooseDesign, 'designs');
offerTables(document, 'exploration');
watchTips();
drawPareto();
let drawn = byId('pareto').clientWidth;
new ResizeObserver(() => {
  const now = byId('pareto').clientWidth;
  if (now !== drawn) requestAnimationFrame(() => drawPareto());
  drawn = now;
}).observe(byId('pareto'));
window.addEventListener('beforeprint', () => drawPareto(740));
window.addEventListener('afterprint', () => drawPareto());
