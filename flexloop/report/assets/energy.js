// Energy by component, stacked: a bar a class of the network, or a bar a layer of the class.

function energyBars() {
  if (state.energyBy === 'layer')
    return layersOf(state.network).map(layer => {
      const cell = findCell(state.network, state.class, layer);
      return cell && {label: `${layer}${cell.count > 1 ? ` ×${cell.count}` : ''}`, cell, chosen: cell === state.cell,
        parts: data.levels.map(level => cell[`energy_pj_${level}`] * cell.count), ok: cell.status === 'ok'};
    }).filter(Boolean);
  return data.classes.map(name => {
    const total = findTotal(state.network, name);
    return total && {label: name, name, chosen: name === state.class, ok: exists(total.energy_pj),
      parts: data.levels.map(level => total[`energy_pj_${level}`] || 0)};
  }).filter(Boolean);
}

function drawEnergy(width) {
  const bars = energyBars(), sum = bar => bar.parts.reduce((a, b) => a + b, 0);
  const maximum = Math.max(0, ...bars.filter(bar => bar.ok).map(sum)) || 1;
  const [size, unit] = energyUnit(maximum);
  const labels = Math.min(260, 20 + 7.5 * Math.max(...bars.map(bar => bar.label.length))), room = 76;
  const legend = key(data.levels.map(level => [(x, y) => svg('rect', {x: x + 4, y: y - 6, width: 12, height: 12, fill: levelColour(level)}), level]),
    labels - 4, 10, width);
  const step = bars.length > 30 ? 15 : 21, top = legend.bottom + 12, bottom = top + bars.length * step, height = bottom + 42;
  const x = value => labels + value / maximum * (width - labels - room);
  const parts = legend.parts;
  for (const tick of linearTicks(maximum / size, width < 600 ? 3 : 5))
    parts.push(svg('line', {x1: x(tick * size), x2: x(tick * size), y1: top, y2: bottom, class: 'grid'}),
      text(x(tick * size), bottom + 15, tick, {class: 'small', 'text-anchor': 'middle'}));
  const what = state.energyBy === 'layer' ? `${state.network}, ${state.class}, all occurrences of a layer` : `${state.network}, one inference`;
  parts.push(text((labels + width - room) / 2, bottom + 33, `energy (${unit}): ${what}`, {class: 'small', 'text-anchor': 'middle'}));
  bars.forEach((bar, row) => parts.push(energyBar(bar, top + row * step, step, labels, x, sum(bar))));
  return drawing(width, height, 'Energy by level', parts);
}

function energyBar(bar, y, step, labels, x, whole) {
  const shapes = [text(labels - 8, y + step / 2 + 4, bar.label, {class: 'small', 'text-anchor': 'end', 'font-weight': bar.chosen ? 700 : null})];
  if (!bar.ok) return svg('g', {}, shapes, text(labels + 4, y + step / 2 + 4, 'no total: layers without a result', {class: 'small muted'}));
  let done = 0;
  bar.parts.forEach((part, index) => {
    const level = data.levels[index];
    shapes.push(svg('rect', {
      x: x(done), y: y + 2, width: Math.max(0, x(done + part) - x(done) - 0.7), height: step - 4, fill: levelColour(level),
      'data-tip': `${bar.label}\n${level}: ${energy(part)} (${percent(part / whole)})`,
    }));
    done += part;
  });
  shapes.push(text(x(whole) + 5, y + step / 2 + 4, energy(whole), {class: 'small'}));
  return svg('g', {class: 'clickable', onclick: () => bar.cell ? choose(bar.cell) : change({class: bar.name})}, shapes);
}
