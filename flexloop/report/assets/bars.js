// Gains by network: one panel a network, one bar a class, all on one scale.

function drawBars(width) {
  const metric = state.metric, names = data.classes;
  const panels = data.networks.map(network => [network, name => (findTotal(network, name) || {})[metric]]);
  if (data.networks.length > 1) panels.push(['geometric mean', name => (meanIndex.get(name) || {})[metric]]);
  const values = panels.flatMap(([, gain]) => names.map(gain)).filter(exists);
  const scale = gainScale(values), maximum = Math.max(1, ...values) * 1.02;
  const labels = 84, gap = 18, most = Math.max(1, Math.floor((width - labels) / 160));
  const columns = Math.ceil(panels.length / Math.ceil(panels.length / most));
  const panelWidth = Math.min(panels.length > 1 ? 420 : 720, (width - labels - gap * columns) / columns), room = 46;
  const barStep = names.length > 20 ? 12 : 17, panelHeight = names.length * barStep;
  const rowStep = panelHeight + 78;
  const parts = [];
  panels.forEach(([network, gain], index) => {
    const left = labels + (index % columns) * (panelWidth + gap), top = 24 + Math.floor(index / columns) * rowStep;
    const x = value => left + value / maximum * (panelWidth - room);
    parts.push(text(left, top - 8, network, {class: 'name'}));
    for (const tick of linearTicks(maximum, panelWidth > 300 ? 5 : 3))
      parts.push(svg('line', {x1: x(tick), x2: x(tick), y1: top, y2: top + panelHeight, class: 'grid'}),
        text(x(tick), top + panelHeight + 14, `${tick}×`, {class: 'small', 'text-anchor': 'middle'}));
    names.forEach((name, row) => {
      const y = top + row * barStep, value = gain(name);
      if (index % columns === 0)
        parts.push(text(labels - 8, y + barStep / 2 + 4, name, {
          class: names.length > 20 ? 'tiny' : 'small', 'text-anchor': 'end', 'font-weight': state.class === name ? 700 : null,
        }));
      const tip = `${network}, ${name}\n${exists(value) ? times(value) + ' ' + METRICS[metric] : 'layers without a result'}`;
      if (exists(value))
        parts.push(svg('rect', {
          x: left, y: y + 1.5, width: Math.max(1, x(value) - left), height: barStep - 3, fill: scale.colour(value),
          class: 'bar' + (state.class === name ? ' chosen' : ''), 'data-tip': tip, onclick: () => change({class: name}),
        }));
      parts.push(text(exists(value) ? x(value) + 4 : left + 4, y + barStep / 2 + 4, exists(value) ? times(value) : 'no total',
        {class: (names.length > 20 ? 'tiny' : 'small') + (exists(value) ? '' : ' muted'), 'data-tip': tip}));
    });
    parts.push(svg('line', {x1: x(1), x2: x(1), y1: top, y2: top + panelHeight, class: 'axis', 'stroke-dasharray': '3 2'}));
    parts.push(text(left, top + panelHeight + 30, `${METRICS[metric]} over ${data.baseline}`, {class: 'small muted'}));
  });
  return drawing(width, Math.ceil(panels.length / columns) * rowStep - 16, 'Gains by network', parts);
}
