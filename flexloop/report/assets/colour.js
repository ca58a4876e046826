// Colours that people with any colour vision tell apart, and that keep their order in grey.

// Viridis (S. van der Walt, N. Smith; CC0) at nine even steps, its darkest end left out.
const VIRIDIS = ['#46327e', '#3b528b', '#2c728e', '#21918c', '#28ae80', '#5ec962', '#addc30', '#d8e219', '#fde725'];
// Okabe and Ito, Color Universal Design (2008).
const CATEGORIES = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442', '#999999'];

const AXES = {
  T: {name: 'tile sizes', colour: 'var(--axis-T)', dash: null},
  O: {name: 'loop order', colour: 'var(--axis-O)', dash: '7 3'},
  P: {name: 'parallel dimensions', colour: 'var(--axis-P)', dash: '2 3'},
  S: {name: 'array shape', colour: 'var(--axis-S)', dash: '9 3 2 3'},
};

const SEVERAL_AXES = {name: 'several axes', colour: 'var(--edge)', dash: null};

const channels = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));

function viridis(fraction) {
  const place = Math.min(1, Math.max(0, fraction)) * (VIRIDIS.length - 1);
  const index = Math.min(VIRIDIS.length - 2, Math.floor(place));
  const [from, to] = [channels(VIRIDIS[index]), channels(VIRIDIS[index + 1])];
  return '#' + from.map((c, i) => Math.round(c + (to[i] - c) * (place - index)).toString(16).padStart(2, '0')).join('');
}

/** Black or white, whichever stands out from a background. */
function inkOn(hex) {
  const [r, g, b] = channels(hex).map(c => (c / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? '#111111' : '#ffffff';
}

/** A logarithmic colour scale over gains; it always covers 1 to 1.5, so that small gains do not look large. */
function gainScale(gains) {
  const known = gains.filter(gain => exists(gain) && gain > 0);
  const low = Math.min(1, ...known), high = Math.max(1.5, ...known);
  const fraction = gain => Math.log(gain / low) / Math.log(high / low);
  return {low, high, fraction, colour: gain => viridis(fraction(gain))};
}

/** The legend of a colour scale, its corner at (x, y): its parts, and where it ends. */
function scaleLegend(scale, label, x, y, width) {
  const steps = 48, said = wrapped(label, x, y + 10, width + 40), top = said.bottom + 6, parts = [...said.parts];
  for (let i = 0; i < steps; i++)
    parts.push(svg('rect', {
      x: x + i * width / steps, y: top, width: width / steps + 0.6, height: 10, fill: viridis((i + 0.5) / steps),
    }));
  for (const tick of roundTicks(scale.low, scale.high, Math.floor(width / 40))) {
    const at = x + scale.fraction(tick) * width;
    parts.push(svg('line', {x1: at, x2: at, y1: top + 10, y2: top + 14, class: 'axis'}));
    parts.push(text(at, top + 25, timesAt(tick), {class: 'small', 'text-anchor': 'middle'}));
  }
  return {parts, bottom: top + 30};
}

/** The pattern of cells without a result, for the defs of a drawing. */
function hatching(id) {
  return svg('defs', {}, svg('pattern', {id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)'},
    svg('rect', {width: 6, height: 6, fill: 'var(--hatch)'}), svg('rect', {width: 1.4, height: 6, fill: 'var(--hatch-line)'})));
}
