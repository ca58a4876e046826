// Tables that sort by a click on a heading and keep the rows that hold every word of the filter.

const PAGE = 100;

const gain = value => exists(value) ? `${fixed(value, 2)}×` : MISSING;

const TOTAL_COLUMNS = [
  ['arch', 'arch', String], ['network', 'network', String], ['parameters', 'parameters', String], ['class', 'class', String], ['layers', 'layers', whole], ['cycles', 'latency (cycles)', whole],
  ['energy_pj', 'energy', ENERGIES], ['edp', 'EDP', EDPS], ['utilization', 'utilization', percent],
  ['speedup', 'speedup', gain], ['energy_gain', 'energy gain', gain], ['edp_gain', 'EDP gain', gain],
  ['area_mm2', 'area', AREAS], ['unmappable', 'without result', whole],
  ['optimal', 'all proved', value => value ? 'yes' : 'no'],
];
const CELL_COLUMNS = [
  ['arch', 'arch', String], ['network', 'network', String], ['layer', 'layer', String], ['class', 'class', String], ['count', 'count', whole], ['macs', 'MACs', whole],
  ['cycles', 'latency (cycles)', whole], ['energy_pj', 'energy', ENERGIES], ['edp', 'EDP', EDPS], ['utilization', 'utilization', percent],
  ['speedup', 'speedup', gain], ['energy_gain', 'energy gain', gain], ['edp_gain', 'EDP gain', gain],
  ['array', 'array', String], ['proved', 'optimal', String], ['mapping', 'mapping', String],
];

/** Missing values last in either direction; numbers by value, text by its natural order. */
function compare(a, b, descending) {
  if (!exists(a) || !exists(b)) return exists(a) ? -1 : exists(b) ? 1 : 0;
  const order = typeof a === 'string' ? a.localeCompare(b, 'en', {numeric: true}) : a - b;
  return descending ? -order : order;
}

/** Columns whose third part is a list of units get the unit and the decimals that suit all their rows. */
const finished = (columns, rows) => columns.map(([name, label, show]) => {
  if (!Array.isArray(show)) return [name, label, show];
  const format = columnFormat(rows.map(row => row[name]), show);
  return [name, `${label} (${format.unit})`, format.show];
});

/** Fill a place with a table; what its button saves are the rows that the filter keeps, in their order, unrounded. */
function sortingTable(root, unfinished, rows, open, file) {
  const columns = finished(unfinished, rows), numeric = name => rows.some(row => typeof row[name] === 'number');
  const view = {column: null, descending: false, words: [], limit: PAGE};
  const searched = rows.map(row => columns.map(([name, , show]) => `${row[name]} ${show(row[name])}`).join(' ').toLowerCase());
  const body = html('tbody'), status = html('span', {class: 'muted', role: 'status'});
  const more = html('button', {type: 'button', class: 'link', onclick: () => { view.limit = Infinity; draw(); }}, 'show all');
  const headings = columns.map(([name, label]) => html('th', {scope: 'col', 'aria-sort': 'none', class: name + (numeric(name) ? ' number' : '')},
    html('span', button(`sort by ${label}`, () => sortBy(name)), label)));

  function sortBy(name) {
    view.descending = view.column === name ? !view.descending : false;
    view.column = name;
    headings.forEach((heading, index) => heading.setAttribute('aria-sort',
      columns[index][0] !== name ? 'none' : view.descending ? 'descending' : 'ascending'));
    draw();
  }
  function chosen() {
    const found = rows.filter((_, index) => view.words.every(word => searched[index].includes(word)));
    return view.column ? found.sort((a, b) => compare(a[view.column], b[view.column], view.descending)) : found;
  }
  function draw() {
    const found = chosen();
    body.replaceChildren(...found.slice(0, view.limit).map(row => html('tr', open ? {class: 'clickable', onclick: () => open(row)} : {},
      columns.map(([name, , show]) => html('td', {class: name + (numeric(name) ? ' number' : '')},
        exists(row[name]) ? show(row[name]) : MISSING)))));
    status.textContent = `${found.length} of ${rows.length} rows` + (found.length > view.limit ? `, the first ${view.limit} shown ` : ' ');
    more.hidden = found.length <= view.limit;
  }
  const filter = html('input', {type: 'search', placeholder: 'Filter, for example T1O0P1S0', 'aria-label': 'Filter', oninput: event => {
    view.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    draw();
  }});
  root.replaceChildren(html('div', {class: 'filter'}, filter, status, more,
    downloadButton('CSV', file, () => save(`${file}.csv`, csv([columns.map(([name]) => name), ...chosen().map(row => columns.map(([name]) => row[name]))]), 'text/csv'))),
    html('div', {class: 'scroll tall'}, html('table', {class: 'sorting'}, html('thead', {}, html('tr', {}, headings)), body)));
  draw();
}

/** The columns that say something: not the arch where there is one, nor what no row has. */
const telling = (columns, rows) => columns.filter(([name]) =>
  name === 'arch' ? studies.length > 1 : rows.some(row => exists(row[name]) && row[name] !== ''));

/** The archs, for names of files. */
const studied = () => studies.map(study => study.arch).join('+');

function drawTables() {
  sortingTable(byId('totals-table'), telling(TOTAL_COLUMNS, allTotals), allTotals, total => {
    if (total.arch !== data.arch) changeArch(total.arch);
    change({network: total.network, class: total.class});
  }, `${studied()}-totals`);
  for (const cell of allCells) {
    cell.array = cell.status === 'ok' ? `${cell.array_x}×${cell.array_y}` : cell.status;
    cell.proved = cell.status !== 'ok' ? cell.reason : cell.optimal ? 'proved' : exists(cell.gap) ? `gap ${digits(100 * cell.gap, 2)} %` : 'no';
  }
  sortingTable(byId('cells-table'), telling(CELL_COLUMNS, allCells), allCells, choose, `${studied()}-layers`);
}
