// The winning mapping of a cell, written as the loop nest that it is.

/** Levels of a mapping's line, outermost first: name, tensors kept, and loops as [dimension, factor], outermost first. */
function parseMapping(line) {
  const loops = words => [...words.matchAll(/([A-Za-z_]+?)(\d+)/g)].map(([, dimension, factor]) => [dimension, Number(factor)]);
  return line.split(' | ').map(part => {
    const [head, ...words] = part.split(' ');
    const [, name, initials] = head.match(/^(\w+)\[(\w*)\]$/);
    const along = axis => loops(words.filter(word => word.startsWith(axis + ':')).map(word => word.slice(2)).join(' '));
    return {name, keep: data.tensors.filter(tensor => initials.includes(tensor[0])),
      temporal: loops(words.filter(word => !word.includes(':')).join(' ')), x: along('X'), y: along('Y')};
  });
}

/** The extent of each dimension that a level's loops and all below it cover. */
function tileAt(levels, index) {
  const extents = {};
  for (const level of levels.slice(index))
    for (const [dimension, factor] of [...level.temporal, ...level.x, ...level.y]) extents[dimension] = (extents[dimension] || 1) * factor;
  return Object.entries(extents).sort().map(([dimension, extent]) => dimension + extent).join(' ') || 'one word of each';
}

function loopNest(cell) {
  const levels = parseMapping(cell.mapping), lines = [];
  let depth = 0;
  const line = (kind, words, remark) => lines.push(html('div', {class: `line ${kind}`},
    '  '.repeat(depth), words, remark ? html('span', {class: 'remark'}, `${words ? '  ' : ''}# ${remark}`) : null));
  levels.forEach((level, index) => {
    const header = html('div', {class: 'line level'}, level.name, html('span', {class: 'remark'}, ` [${level.keep.join(', ')}]`));
    header.style.borderLeftColor = levelColour(level.name);
    lines.push(header);
    if (index) line('extent', '', `tile ${tileAt(levels, index)}`);
    for (const [dimension, factor] of level.temporal) { line('for', `for ${dimension.toLowerCase()} in 0:${factor}`); depth++; }
    for (const [axis, found] of [['X', level.x], ['Y', level.y]])
      for (const [dimension, factor] of found) { line('par', `par-for ${dimension.toLowerCase()} in 0:${factor}`, `along ${axis}`); depth++; }
  });
  line('compute', 'Outputs += Weights * Inputs');
  return html('div', {class: 'nest', role: 'img', 'aria-label': 'Loop nest'}, lines);
}

function mappingFacts(cell) {
  const facts = [
    ['latency', `${whole(cell.cycles)} cycles`], ['energy', energy(cell.energy_pj)], ['EDP', edp(cell.edp)],
    ['utilization', percent(cell.utilization)], ['PE array', `${cell.array_x} × ${cell.array_y}`], ['proof', proof(cell)],
    ['MACs', whole(cell.macs) + (cell.padded_macs > cell.macs ? `, padded to ${whole(cell.padded_macs)}` : '')],
  ];
  for (const metric of Object.keys(METRICS)) facts.push([`${METRICS[metric]} over ${data.baseline}`, times(cell[metric])]);
  if (cell.padding) facts.push(['padding', cell.padding]);
  if (cell.notes) facts.push(['notes', cell.notes]);
  return html('dl', {}, facts.map(([name, value]) => [html('dt', {}, name), html('dd', {}, value)]));
}

function energyStrip(cell) {
  const strip = html('div', {class: 'strip'});
  for (const level of data.levels) {
    const share = cell[`energy_pj_${level}`] / cell.energy_pj;
    const part = html('span', {'data-tip': `${level}: ${energy(cell[`energy_pj_${level}`])} (${percent(share)})`});
    part.style.width = `${100 * share}%`;
    part.style.background = levelColour(level);
    strip.append(part);
  }
  return strip;
}

function drawMapping() {
  const panel = byId('mapping'), cell = state.cell;
  panel.hidden = !cell;
  document.body.classList.toggle('with-mapping', Boolean(cell));
  if (!cell) return;
  const base = findCell(cell.network, data.baseline, cell.layer);
  const folder = `mappings/${[cell.arch, cell.network, cell.class, cell.layer].map(fileName).join('/')}`;
  panel.replaceChildren(
    html('button', {type: 'button', class: 'close', 'aria-label': 'Close', onclick: () => change({cell: null})}, '×'),
    html('p', {class: 'brand'}, 'winning mapping'),
    html('h3', {}, cell.layer, html('span', {class: 'muted'}, ` ×${cell.count}, ${cell.network}`)),
    html('p', {class: 'class-name'}, cell.class,
      base && base !== cell ? html('button', {type: 'button', class: 'link', onclick: () => choose(base)}, `see ${data.baseline}'s`) : null),
    ...(cell.status === 'ok'
      ? [loopNest(cell), html('p', {class: 'small muted'}, 'Energy: ', data.levels.join(', ')), energyStrip(cell), mappingFacts(cell),
        data.files ? html('p', {class: 'small muted'}, 'Rerun with Timeloop, in the results folder:') : null,
        data.files ? html('pre', {class: 'command'}, `timeloop-model ${folder}/*.yaml -o out`) : null]
      : [html('p', {class: 'warning'}, excuse(cell))]));
}
