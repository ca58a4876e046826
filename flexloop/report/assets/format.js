// Numbers for people: SI prefixes, four significant digits, a dash for what is missing.

const MISSING = '–';
const PREFIXES = [[1e18, 'E'], [1e15, 'P'], [1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
const ENERGIES = [[1e12, 'J'], [1e9, 'mJ'], [1e6, 'µJ'], [1e3, 'nJ'], [1, 'pJ']];

const exists = value => value !== null && value !== undefined && !Number.isNaN(value);

/** So many significant digits without an exponent. */
function digits(value, count = 4) {
  if (!exists(value)) return MISSING;
  return String(Number(value.toPrecision(count)));
}

function si(value, count = 4) {
  if (!exists(value)) return MISSING;
  const [size, prefix] = PREFIXES.find(([size]) => Math.abs(value) >= size) || [1, ''];
  return digits(value / size, count) + (prefix && ' ' + prefix);
}

/** The unit in which an energy in pJ reads best: [pJ in one, name]. */
function energyUnit(picojoules) {
  return ENERGIES.find(([size]) => picojoules >= size) || ENERGIES[ENERGIES.length - 1];
}

function energy(picojoules) {
  if (!exists(picojoules)) return MISSING;
  const [size, unit] = energyUnit(picojoules);
  return `${picojoules / size < 1e4 ? (picojoules / size).toPrecision(4) : whole(picojoules / size)} ${unit}`;
}

/** So many decimals, thousands apart. */
const fixed = (value, decimals) => exists(value)
  ? value.toLocaleString('en-US', {minimumFractionDigits: decimals, maximumFractionDigits: decimals}).replaceAll(',', '\u2009') : MISSING;
const percent = fraction => exists(fraction) ? `${fixed(100 * fraction, 1)} %` : MISSING;
const whole = value => fixed(value, 0);

const SUPERSCRIPTS = {'-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹'};

/** A number as 5.692×10⁸. */
function scientific(value, decimals = 3) {
  if (!exists(value)) return MISSING;
  const [mantissa, exponent] = value.toExponential(decimals).split('e');
  return `${mantissa}×10${[...String(Number(exponent))].map(digit => SUPERSCRIPTS[digit]).join('')}`;
}

const AREAS = [[1, 'mm²']];
const EDPS = ENERGIES.map(([size, unit]) => [size, `${unit}·cycle`]);

/** An energy-delay product with one prefix, and with a power of ten beyond it. */
function edp(value) {
  if (!exists(value)) return MISSING;
  const [size, unit] = EDPS.find(([size]) => value >= size) || EDPS[EDPS.length - 1], scaled = value / size;
  return `${scaled >= 1e6 ? scientific(scaled) : scaled >= 1e4 ? whole(Number(scaled.toPrecision(4))) : scaled.toPrecision(4)} ${unit}`;
}

/** How a column of costs is written: in one unit, with a fixed number of decimals; as powers of ten over a wide range. */
function columnFormat(values, units) {
  const known = values.filter(value => exists(value) && value > 0);
  const least = known.reduce((a, b) => Math.min(a, b), Infinity), most = known.reduce((a, b) => Math.max(a, b), 0);
  const [size, unit] = units.find(([size]) => least >= size) || units[units.length - 1];
  const places = least < Infinity ? Math.max(1, 3 - Math.floor(Math.log10(least / size))) : 0; // four digits of the least
  const show = most / least > 1e7 ? value => scientific(value / size) : value => fixed(value / size, places);
  return {unit, show: value => exists(value) ? show(value) : MISSING};
}

/** A gain: 3.32×. */
function times(gain) {
  if (!exists(gain)) return MISSING;
  return (gain >= 100 ? gain.toFixed(0) : gain >= 10 ? gain.toFixed(1) : gain.toFixed(2)) + '×';
}

/** A gain for a narrow cell: two digits, more only above 100. */
const brief = gain => gain >= 9.95 ? gain.toFixed(0) : gain.toFixed(1);

/** Round values from 0 to a maximum, at most so many steps. */
function linearTicks(maximum, steps = 5) {
  const raw = maximum / steps, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find(factor => factor * power >= raw * (1 - 1e-9));
  return Array.from({length: Math.floor(maximum / step + 1e-9) + 1}, (_, index) => Number((index * step).toPrecision(12)));
}

/** Round values to mark on a logarithmic axis, at most so many: powers of ten with 2 and 5, or even steps over a short range. */
function roundTicks(low, high, most) {
  const within = ticks => ticks.filter(tick => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  const decades = logTicks(low, high), powers = decades.filter(tick => Number.isInteger(Number(Math.log10(tick).toFixed(9))));
  const thinned = ticks => ticks.filter((_, index) => index % Math.ceil(ticks.length / most) === 0);
  const found = [decades, powers, thinned(decades), thinned(powers)].find(ticks => ticks.length > 2 && ticks.length <= most);
  if (found && high / low > 4) return found;
  for (let steps = most; steps > 0; steps--) {
    const step = linearTicks(high - low, steps)[1] || high - low, first = Math.ceil(low / step - 1e-9);
    const even = within(Array.from({length: most + 1}, (_, index) => Number(((first + index) * step).toPrecision(9))));
    if (even.length <= most && even.length > 1) return even;
  }
  return found || [];
}

/** A gain at a tick, without zeros that say nothing. */
const timesAt = tick => `${Number(tick.toPrecision(6))}×`;

/** Powers of ten within a range, with 2 and 5 between them. */
function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const mantissa of [1, 2, 5]) {
      const value = Number((mantissa * 10 ** power).toPrecision(12));
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push(value);
    }
  return ticks;
}
