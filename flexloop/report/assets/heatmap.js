// Gains by layer and class; a cell opens its mapping, the arrow keys walk from cell to cell.

function drawHeatmap(width) {
  const layers = layersOf(state.network), names = data.classes;
  const longest = Math.max(...layers.map(layer => layer.length));
  const labels = Math.min(width < 600 ? 150 : 230, 60 + 6.7 * longest), top = 76;
  const least = printing ? 5 : names.length > 40 ? 9 : 18; // narrower than that the figure scrolls
  const cellWidth = Math.max(least, Math.min(54, (width - labels - 58) / names.length)), cellHeight = 23;
  const bottom = top + layers.length * cellHeight, height = bottom + 56;
  const shown = layers.flatMap(layer => names.map(name => findCell(state.network, name, layer))).filter(Boolean);
  const scale = gainScale(shown.map(cell => cell[state.metric]));
  const parts = [hatching('heatmap-hatching')];
  names.forEach((name, column) => {
    const x = labels + (column + 0.5) * cellWidth + 4, narrow = cellWidth < 16;
    parts.push(text(x, top - 6, narrow ? shortName(name) : name, {
      class: narrow ? 'tiny' : 'small', transform: `rotate(${narrow ? -90 : -55} ${x} ${top - 6})`,
      'font-weight': state.class === name ? 700 : null, 'data-tip': name,
    }));
  });
  layers.forEach((layer, row) => {
    const y = top + row * cellHeight, count = (shown.find(cell => cell.layer === layer) || {}).count;
    const most = labels > 150 ? 26 : 13, short = layer.length > most ? layer.slice(0, most - 1) + '…' : layer;
    parts.push(text(labels - 8, y + 15.5, `${short}${count > 1 ? ` ×${count}` : ''}`,
      {class: 'small', 'text-anchor': 'end', 'data-tip': layer}));
    names.forEach((name, column) => {
      const cell = findCell(state.network, name, layer);
      if (cell) parts.push(heatmapCell(cell, labels + column * cellWidth, y, cellWidth, cellHeight, scale));
    });
  });
  parts.push(...scaleLegend(scale, `${METRICS[state.metric]} over ${data.baseline}, ${state.network}; hatched: no result`,
    Math.min(labels, Math.max(24, width - 330)), bottom + 22, Math.min(300, width - 60)));
  return drawing(Math.max(labels + names.length * cellWidth + 58, Math.min(width, 340)), height, 'Gains by layer and class', parts);
}

function heatmapCell(cell, x, y, width, height, scale) {
  const gain = cell[state.metric], fill = exists(gain) ? scale.colour(gain) : 'url(#heatmap-hatching)';
  const chosen = state.cell === cell;
  return svg('g', {
    ...button(cellTip(cell), () => choose(cell)), tabindex: chosen || (!state.cell && cell === cells[0]) ? 0 : -1,
    class: 'cell' + (chosen ? ' chosen' : ''), 'data-tip': cellTip(cell), 'data-layer': cell.layer, 'data-class': cell.class,
  },
  svg('rect', {x, y, width: width - 1, height: height - 1, fill}),
  width > 30 && exists(gain)
    ? text(x + width / 2, y + 15.5, times(gain).slice(0, -1), {class: 'small', 'text-anchor': 'middle', fill: inkOn(fill)}) : null);
}

const STEPS = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};

function walkHeatmap(event) {
  const step = STEPS[event.key];
  if (!step || !state.cell || !event.target.closest('.cell')) return;
  const layers = layersOf(state.cell.network);
  const layer = layers[layers.indexOf(state.cell.layer) + step[0]];
  const name = data.classes[data.classes.indexOf(state.cell.class) + step[1]];
  const next = findCell(state.cell.network, name, layer);
  if (!next) return;
  event.preventDefault();
  choose(next);
  byId('heatmap').querySelector('.cell.chosen').focus();
}
