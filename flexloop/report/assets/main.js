// The page: controls, tiles, and drawing everything anew when the choice or the width changes.

const PRINTED_WIDTH = 740;
let printing = false;

const ABOUT_ONE = ['heatmap', 'energy', 'roofline'];  // the figures of one network

/** Put a figure into its place, drawn for the width that the place has. */
function place(id, draw, share = 1) {
  const root = byId(id);
  if (!root) return;
  const width = printing ? PRINTED_WIDTH * share : root.clientWidth;
  if (width <= 0) return;
  root.replaceChildren(draw(Math.floor(width)));
  const drawn = root.querySelector('svg'), name = [data.arch, id, ...(ABOUT_ONE.includes(id) ? [state.network] : [])].join('-');
  if (drawn) root.append(html('p', {class: 'downloads'}, downloadButton('SVG', name, () => save(`${name}.svg`, svgFile(root.querySelector('svg')), 'image/svg+xml'))));
  offerTables(root, data.arch);
}

function drawControls() {
  const pairs = names => names.map(name => [name, name]);
  byId('controls').replaceChildren(
    ...(studies.length > 1 ? [dropdown('arch', pairs(studies.map(study => study.arch)), data.arch, changeArch)] : []),
    dropdown('network', pairs(data.networks), state.network, network => change({network, cell: null, scope: 'network'})),
    dropdown('class', pairs(data.classes), state.class, name => change({class: name})),
    choice('gain', Object.entries(METRICS), state.metric, metric => change({metric})));
  byId('scope').replaceChildren(...(data.networks.length > 1
    ? [choice('of', [['mean', `all ${data.networks.length} networks (geometric mean)`], ['network', state.network]], state.scope, scope => change({scope}))] : []));
  byId('energy-by').replaceChildren(choice('a bar for each',
    [['class', 'class'], ['layer', `layer of ${state.class}`]], state.energyBy, energyBy => change({energyBy})));
  if (byId('roof-level'))
    byId('roof-level').replaceChildren(choice('traffic at', data.roofs.map(roof => [roof.level, roof.level]), state.roofLevel, roofLevel => change({roofLevel})));
}

function drawTiles() {
  const top = data.classes[data.classes.length - 1];
  const best = data.networks.length > 1 ? meanIndex.get(top) : findTotal(data.networks[0], top);
  const proved = cells.filter(cell => cell.optimal).length, failed = cells.filter(cell => cell.status !== 'ok').length;
  const scope = data.networks.length > 1 ? 'geometric mean' : data.networks[0];
  const tiles = [
    [times(best.speedup), `speedup of ${top} over ${data.baseline}, ${scope}`],
    [times(best.energy_gain), `energy gain of ${top}, ${scope}`],
    [times(best.edp_gain), `EDP gain of ${top}, ${scope}`],
    [`${proved} / ${cells.length}`, 'cells proved optimal' + (failed ? `; ${failed} without a result` : '')],
    [data.objective === 'edp' ? 'EDP' : data.objective, 'searched for its least, layer by layer'],
  ];
  byId('tiles').replaceChildren(...tiles.map(([value, label]) => html('div', {class: 'tile'}, html('b', {}, value), html('span', {}, label))));
}

function drawFigures() {
  drawControls();
  drawTiles();
  drawMapping();
  const crowded = data.lattice.nodes.length > 40;
  byId('lattice-section').classList.toggle('crowded', crowded);
  place('lattice', drawLattice, crowded ? 1 : 0.63);
  place('axes', drawAxes, crowded ? 0.6 : 0.35);
  place('bars', drawBars);
  place('heatmap', drawHeatmap);
  place('energy', drawEnergy);
  place('roofline', drawRoofline);
}

function redrawWhenResized() {
  let width = document.querySelector('main').clientWidth;
  new ResizeObserver(() => {
    const now = document.querySelector('main').clientWidth;
    if (printing || now === width) return;
    width = now;
    requestAnimationFrame(drawFigures);
  }).observe(document.querySelector('main'));
}

function prepareForPrint(now) {
  printing = now;
  drawFigures();
}

drawTables();
offerTables(document, studied());
drawFigures();
listeners.push(drawFigures);
watchTips();
redrawWhenResized();
byId('heatmap').addEventListener('keydown', walkHeatmap);
document.addEventListener('keydown', event => { if (event.key === 'Escape' && state.cell) change({cell: null}); });
window.addEventListener('beforeprint', () => prepareForPrint(true));
window.addEventListener('afterprint', () => prepareForPrint(false));
