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
  return `${digits(picojoules / size)} ${unit}`;
}

const percent = fraction => exists(fraction) ? `${digits(100 * fraction, 3)} %` : MISSING;
const whole = value => exists(value) ? Math.round(value).toLocaleString('en-US').replaceAll(',', '\u2009') : MISSING;

/** A gain: 3.32×. */
function times(gain) {
  if (!exists(gain)) return MISSING;
  return (gain >= 100 ? gain.toFixed(0) : gain >= 10 ? gain.toFixed(1) : gain.toFixed(2)) + '×';
}

/** A class name for narrow places: T1OpP0S1 as 1p01. */
const shortName = name => name.replace(/[TOPS]/g, '');

/** Round values from 0 to a maximum, at most so many steps. */
function linearTicks(maximum, steps = 5) {
  const raw = maximum / steps, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find(factor => factor * power >= raw * (1 - 1e-9));
  return Array.from({length: Math.floor(maximum / step + 1e-9) + 1}, (_, index) => Number((index * step).toPrecision(12)));
}

/** Gains to mark on a logarithmic axis, at most so many: round ones, or equal steps where the range is short. */
function gainTicks(low, high, most) {
  let ticks = logTicks(low, high);
  if (ticks.length < 3) {
    const step = linearTicks(high - 1, 3)[1] || 1;
    ticks = Array.from({length: 40}, (_, index) => Number((1 + (index - 20) * step).toPrecision(6))).filter(tick => tick >= low && tick <= high);
  }
  return ticks.length <= most ? ticks : ticks.filter(tick => Number.isInteger(Math.log10(tick)));
}

/** Powers of ten within a range, with 2 and 5 between them where the range is short. */
function logTicks(low, high) {
  const mantissas = high / low > 300 ? [1] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const mantissa of mantissas) {
      const value = Number((mantissa * 10 ** power).toPrecision(12));
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push(value);
    }
  return ticks;
}
