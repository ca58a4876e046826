// The roofline of a level: each layer in the baseline and in the chosen class.

function drawRoofline(width) {
  const roof = data.roofs.find(roof => roof.level === state.roofLevel);
  if (!roof) return html('p', {class: 'muted'}, data.noRoofs);
  const bandwidth = roof.read + roof.write;
  const place = cell => cell && cell.status === 'ok' && cell[`accesses_${roof.level}`] > 0 && {
    cell, x: cell.macs / (cell[`accesses_${roof.level}`] * roof.bytes), y: cell.macs / cell.cycles,
  };
  const layers = layersOf(state.network).map(layer => ({
    layer, from: place(findCell(state.network, data.baseline, layer)), to: place(findCell(state.network, state.class, layer)),
  }));
  const points = layers.flatMap(({from, to}) => [from, to]).filter(Boolean);
  if (!points.length) return html('p', {class: 'muted'}, 'No layer of this network has a result in these classes.');
  const ridge = roof.peak / bandwidth;
  const xs = points.map(point => point.x).concat(ridge, roof.peak / roof.read), ys = points.map(point => point.y);
  const [x0, x1] = [Math.min(...xs) / 1.8, Math.max(...xs) * 1.8], [y0, y1] = [Math.min(...ys, roof.peak / 4) / 1.5, roof.peak * 1.5];
  const legend = roofLegend(roof, 62, width);
  const left = 62, right = 24, top = legend.bottom + 16, height = top + 410, bottom = height - 50;
  const x = value => left + Math.log(value / x0) / Math.log(x1 / x0) * (width - left - right);
  const y = value => bottom - Math.log(value / y0) / Math.log(y1 / y0) * (bottom - top);
  const parts = [];
  for (const tick of roundTicks(x0, x1, Math.floor(width / 60)))
    parts.push(svg('line', {x1: x(tick), x2: x(tick), y1: top, y2: bottom, class: 'grid'}), text(x(tick), bottom + 16, tick, {class: 'small', 'text-anchor': 'middle'}));
  for (const tick of roundTicks(y0, y1, 9))
    parts.push(svg('line', {x1: left, x2: width - right, y1: y(tick), y2: y(tick), class: 'grid'}), text(left - 8, y(tick) + 4, tick, {class: 'small', 'text-anchor': 'end'}));
  const start = Math.max(x0, y0 / bandwidth);
  parts.push(svg('path', {
    d: `M${x(start)} ${y(start * bandwidth)}L${x(Math.min(ridge, x1))} ${y(Math.min(roof.peak, x1 * bandwidth))}L${x(x1)} ${y(roof.peak)}`, class: 'roof',
  }));
  parts.push(readRoof(roof, x, y, x0, y0));
  parts.push(text((left + width - right) / 2, height - 10, width < 500 ? `MAC per byte moved at ${roof.level}` : `operational intensity (MAC per byte moved at ${roof.level})`, {class: 'small', 'text-anchor': 'middle'}));
  parts.push(text(0, 0, 'attained (MAC/cycle)', {class: 'small', 'text-anchor': 'middle', transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)`}));
  parts.push(...legend.parts, ...roofPoints(layers, x, y, roof, [left, width - right]));
  return drawing(width, height, 'Roofline', parts);
}

/** The limit of a layer that only reads at this level. */
function readRoof(roof, x, y, x0, y0) {
  const start = Math.max(x0, y0 / roof.read), end = roof.peak / roof.read;
  return svg('line', {
    x1: x(start), y1: y(start * roof.read), x2: x(end), y2: y(roof.peak), class: 'roof reads',
    'data-tip': `${digits(roof.read)} B/cycle: the limit of a layer that only reads at ${roof.level}`,
  });
}

function roofLegend(roof, left, width) {
  const dot = kind => (x, y) => svg('circle', {cx: x + 10, cy: y, r: 5, class: `dot ${kind}`});
  const line = kind => (x, y) => svg('line', {x1: x, x2: x + 16, y1: y, y2: y, class: `roof ${kind}`});
  const entries = [
    [dot('to'), `${state.class}, ${state.network}`],
    [line(''), `${digits(roof.read + roof.write)} B/cycle (${digits(roof.read)} read + ${digits(roof.write)} write)`],
    [line('reads'), `${digits(roof.read)} B/cycle, reads alone`],
  ];
  return key(state.class === data.baseline ? entries : [[dot('from'), data.baseline], ...entries], left, 14, width);
}

function roofPoints(layers, x, y, roof, [left, right]) {
  const latency = name => layers.reduce((sum, {layer}) => {
    const cell = findCell(state.network, name, layer);
    return sum + (cell && cell.cycles ? cell.cycles * cell.count : 0);
  }, 0);
  const total = {from: latency(data.baseline), to: latency(state.class)};
  const share = (point, kind) => point.cell.cycles * point.cell.count / total[kind], radius = (point, kind) => 3.5 + 17 * Math.sqrt(share(point, kind));
  const dot = (point, kind) => {
    return svg('circle', {
      ...button(`${point.cell.layer}, ${point.cell.class}`, () => choose(point.cell)), class: `dot ${kind}` + (state.cell === point.cell ? ' chosen' : ''),
      cx: x(point.x), cy: y(point.y), r: radius(point, kind), 'data-layer': point.cell.layer,
      'data-tip': `${cellTip(point.cell)}\n${digits(point.x, 3)} MAC/B, ${digits(point.y, 3)} MAC/cycle\n${percent(share(point, kind))} of the latency`,
    });
  };
  const moved = state.class !== data.baseline, parts = [];
  for (const {from, to} of layers)
    if (moved && from && to) parts.push(svg('line', {x1: x(from.x), y1: y(from.y), x2: x(to.x), y2: y(to.y), class: 'move'}));
  for (const {from} of layers) if (moved && from) parts.push(dot(from, 'from'));
  const filled = layers.map(({to}) => to).filter(Boolean).sort((a, b) => b.cell.cycles * b.cell.count - a.cell.cycles * a.cell.count);
  for (const point of filled) parts.push(dot(point, 'to'));
  const dots = [...(moved ? layers.map(({from}) => [from, 'from']) : []), ...filled.map(to => [to, 'to'])].filter(([point]) => point);
  const peak = peakName(dots.map(([point, kind]) => [x(point.x), y(point.y), radius(point, kind)]), y(roof.peak) - 9, roof, right);
  return [...parts, peak.drawn, ...roofNames(filled, point => radius(point, 'to'), x, y, roof, [left, right], peak.place)];
}

/** What the array could do, said on the roof's right end, above the dots that lie there. */
function peakName(dots, lowest, roof, right) {
  const said = `${whole(roof.peak)} MAC/cycle`, half = 3.3 * said.length;
  const there = dots.filter(([x, y, r]) => x + r > right - 2 * half - 4 && y - r < lowest + 4 && y + r > lowest - 12);
  const line = Math.min(lowest, ...there.map(([, y, r]) => y - r - 5));
  return {drawn: text(right, line, said, {class: 'small halo peak', 'text-anchor': 'end'}), place: {at: right - half, half, line}};
}

/** Names of the layers that take longest and of those furthest below the roof, wherever there is room for them. */
function roofNames(points, radius, x, y, roof, [left, right], peak) {
  const reached = point => point.y / Math.min(roof.peak, point.x * (roof.read + roof.write));
  const outliers = points.filter(point => reached(point) < 0.5).sort((a, b) => reached(a) - reached(b)).slice(0, 6);
  const placed = [peak], parts = [];
  for (const point of new Set([...points.slice(0, 3), ...outliers, ...points.slice(3, 14)])) {
    const half = 3.3 * point.cell.layer.length, at = Math.min(Math.max(x(point.x), left + half), right - half);
    const [above, below] = [y(point.y) - radius(point) - 5, y(point.y) + radius(point) + 13];
    const line = [below, above].find(line => placed.every(other => Math.abs(other.at - at) > other.half + half + 4 || Math.abs(other.line - line) > 12));
    if (line === undefined) continue;
    placed.push({at, half, line});
    parts.push(text(at, line, point.cell.layer, {class: 'small halo', 'text-anchor': 'middle'}));
  }
  return parts;
}
