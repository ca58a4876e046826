// Gains by layer and class; a cell opens its mapping, the arrow keys walk from cell to cell.

function drawHeatmap(width) {
  const layers = layersOf(state.network), names = data.classes;
  const longest = 44 + 6.7 * Math.max(...layers.map(layer => layer.length));
  const above = longest > 0.4 * width; // then a name stands above its row, and whole
  const labels = above ? 4 : longest, top = 80;
  const least = printing ? 5 : names.length > 40 ? 9 : 18; // narrower than that the figure scrolls
  const cellWidth = Math.max(least, Math.min(54, (width - labels - (above ? 4 : 58)) / names.length)), cellHeight = 23;
  const rowHeight = cellHeight + (above ? 19 : 0), bottom = top + layers.length * rowHeight;
  const shown = layers.flatMap(layer => names.map(name => findCell(state.network, name, layer))).filter(Boolean);
  const scale = gainScale(shown.map(cell => cell[state.metric]));
  const parts = [hatching('heatmap-hatching')];
  names.forEach((name, column) => {
    const x = labels + (column + 0.5) * cellWidth + 4, narrow = cellWidth < 30;
    parts.push(text(x, top - 6, name, {
      class: cellWidth < 16 ? 'tiny' : 'small', transform: `rotate(${narrow ? -90 : -55} ${x} ${top - 6})`,
      'font-weight': state.class === name ? 700 : null, 'data-tip': name,
    }));
  });
  layers.forEach((layer, row) => {
    const y = top + (row + 1) * rowHeight - cellHeight, count = (shown.find(cell => cell.layer === layer) || {}).count;
    const words = `${layer}${count > 1 ? ` ×${count}` : ''}`;
    parts.push(above ? text(labels, y - 4, words, {class: 'small'}) : text(labels - 8, y + 15.5, words, {class: 'small', 'text-anchor': 'end'}));
    names.forEach((name, column) => {
      const cell = findCell(state.network, name, layer);
      if (cell) parts.push(heatmapCell(cell, labels + column * cellWidth, y, cellWidth, cellHeight, scale));
    });
  });
  const legend = scaleLegend(scale, `${METRICS[state.metric]} over ${data.baseline}, ${state.network}; hatched: no result`,
    Math.max(14, Math.min(labels, width - 350)), bottom + 12, Math.min(300, width - 60));
  return drawing(Math.max(labels + names.length * cellWidth + (above ? 4 : 58), Math.min(width, 340)), legend.bottom, 'Gains by layer and class', parts, legend.parts);
}

function heatmapCell(cell, x, y, width, height, scale) {
  const gain = cell[state.metric], fill = exists(gain) ? scale.colour(gain) : 'url(#heatmap-hatching)';
  const chosen = state.cell === cell;
  return svg('g', {
    ...button(cellTip(cell), () => choose(cell)), tabindex: chosen || (!state.cell && cell === cells[0]) ? 0 : -1,
    class: 'cell' + (chosen ? ' chosen' : ''), 'data-tip': cellTip(cell), 'data-layer': cell.layer, 'data-class': cell.class,
  },
  svg('rect', {x, y, width: width - 1, height: height - 1, fill}),
  width > 17 && exists(gain)
    ? text(x + width / 2, y + 15.5, width > 30 ? times(gain).slice(0, -1) : brief(gain),
      {class: width > 30 ? 'small' : 'tiny', 'text-anchor': 'middle', fill: inkOn(fill)}) : null);
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
