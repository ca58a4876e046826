// The data, what is shown of it, and telling the figures when that changes.

const {studies} = JSON.parse(byId('data').textContent);

const METRICS = {speedup: 'speedup', energy_gain: 'energy gain', edp_gain: 'EDP gain'};

/** Records of a table that is stored by column. */
function records(table) {
  const names = Object.keys(table);
  return (table[names[0]] || []).map((_, row) => Object.fromEntries(names.map(name => [name, table[name][row]])));
}

const keyOf = (...parts) => JSON.stringify(parts);
const allCells = studies.flatMap(study => records(study.cells));
const allTotals = studies.flatMap(study => records(study.totals));

// What belongs to the arch that is shown; `openArch` sets all of it.
let data, cells, totals, cellIndex, totalIndex, meanIndex;

function openArch(name) {
  data = studies.find(study => study.arch === name);
  cells = allCells.filter(cell => cell.arch === name);
  totals = allTotals.filter(total => total.arch === name);
  cellIndex = new Map(cells.map(cell => [keyOf(cell.network, cell.class, cell.layer), cell]));
  totalIndex = new Map(totals.map(total => [keyOf(total.network, total.class), total]));
  meanIndex = new Map(records(data.means).map(mean => [mean.class, mean]));
}

openArch(studies[0].arch);

const findCell = (network, name, layer) => cellIndex.get(keyOf(network, name, layer));
const findTotal = (network, name) => totalIndex.get(keyOf(network, name));
const layersOf = network => [...new Set(cells.filter(cell => cell.network === network).map(cell => cell.layer))];
const levelColour = level => CATEGORIES[data.levels.indexOf(level) % CATEGORIES.length] || '#999999';

const state = {
  network: data.networks[0],
  metric: {latency: 'speedup', energy: 'energy_gain', edp: 'edp_gain'}[data.objective] || 'speedup',
  class: data.classes[data.classes.length - 1],
  scope: data.networks.length > 1 ? 'mean' : 'network',
  energyBy: 'class',
  roofLevel: data.roofs.length ? data.roofs[0].level : null,
  cell: null,
};

/** The gain of a class in the lattice's scope: of one network, or the mean over all. */
function gainOf(name) {
  const source = state.scope === 'mean' ? meanIndex.get(name) : findTotal(state.network, name);
  return source ? source[state.metric] : undefined;
}

const scopeWords = () => state.scope === 'mean' ? `geometric mean over ${data.networks.length} networks` : state.network;

const listeners = [];
function change(changes) {
  Object.assign(state, changes);
  for (const listener of listeners) listener();
}

/** Show another arch; the network and the class stay where it has them. */
function changeArch(name) {
  openArch(name);
  change({
    cell: null,
    network: data.networks.includes(state.network) ? state.network : data.networks[0],
    roofLevel: data.roofs.length ? data.roofs[0].level : null,
  });
}

/** Show a cell's mapping, and the arch, network and class that it belongs to. */
function choose(cell) {
  if (cell.arch !== data.arch) changeArch(cell.arch);
  change({cell, network: cell.network, class: cell.class});
}

/** Why a cell has no figures. */
const excuse = cell => cell.reason ? `${cell.status}: ${cell.reason}` : cell.status;

function cellTip(cell) {
  const head = `${cell.network} / ${cell.layer} (×${cell.count})\n${cell.class}`;
  if (cell.status !== 'ok') return `${head}\n${excuse(cell)}`;
  return `${head}\n${METRICS[state.metric]} ${times(cell[state.metric])}\n${si(cell.cycles)} cycles, ${energy(cell.energy_pj)}, ` +
    `utilization ${percent(cell.utilization)}\n${cell.array_x}×${cell.array_y} PEs, ${proof(cell)}`;
}

function proof(cell) {
  return cell.optimal ? 'proved optimal' : exists(cell.gap) ? `within ${digits(100 * cell.gap, 2)} % of the optimum` : 'not proved optimal';
}
