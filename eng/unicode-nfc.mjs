// Writes src/Domain/Naming/NfcData.cs: what Unicode says of composed characters, as node knows it. Run: node eng/unicode-nfc.mjs
import { writeFileSync } from "node:fs";

// A mark of each combining class. Where a mark of unknown class lands beside them tells its own.
const marks = {
  1: 0x334, 6: 0x16ff0, 7: 0x93c, 8: 0x3099, 9: 0x94d, 10: 0x5b0, 11: 0x5b1, 12: 0x5b2, 13: 0x5b3, 14: 0x5b4, 15: 0x5b5, 16: 0x5b6, 17: 0x5b7, 18: 0x5b8,
  19: 0x5b9, 20: 0x5bb, 21: 0x5bc, 22: 0x5bd, 23: 0x5bf, 24: 0x5c1, 25: 0x5c2, 26: 0xfb1e, 27: 0x64b, 28: 0x64c, 29: 0x64d, 30: 0x64e, 31: 0x64f,
  32: 0x650, 33: 0x651, 34: 0x652, 35: 0x670, 36: 0x711, 84: 0xc55, 91: 0xc56, 103: 0xe38, 107: 0xe48, 118: 0xeb8, 122: 0xec8, 129: 0xf71, 130: 0xf72,
  132: 0xf74, 202: 0x321, 214: 0x1dce, 216: 0x31b, 218: 0x302a, 220: 0x316, 222: 0x59a, 224: 0x302e, 226: 0x1d16d, 228: 0x5ae, 230: 0x300, 232: 0x315,
  233: 0x35c, 234: 0x35d, 240: 0x345,
};
const of = String.fromCodePoint;
const points = (text) => [...text].map((c) => c.codePointAt(0));
const hex = (n) => n.toString(16).toUpperCase();
const swaps = (a, b) => points((of(a) + of(b)).normalize("NFD"))[0] !== a;

const decomposed = [];
const composed = [];
const classes = [];
for (let point = 0xc0; point <= 0x10ffff; point++) {
  if ((point >= 0xd800 && point <= 0xdfff) || (point >= 0xac00 && point <= 0xd7a3)) continue;
  const parts = points(of(point).normalize("NFD"));
  if (parts.length > 1 || parts[0] !== point) {
    decomposed.push([point, parts]);
    if (of(point).normalize("NFC") === of(point)) {
      const first = points(of(...parts.slice(0, -1)).normalize("NFC"));
      if (first.length !== 1) throw new Error(hex(point));
      composed.push([first[0], parts.at(-1), point]);
    }
    continue;
  }
  if (!swaps(point, marks[1]) && !swaps(marks[240], point) && point !== marks[1] && point !== marks[240]) {
    // Of class 0, 1 or 240: one of class 1 goes before a mark of class 6, one of class 240 lets a mark of class 234 before it.
    const is1 = swaps(marks[6], point);
    if (!is1 && !swaps(point, marks[234])) continue;
    classes.push([point, is1 ? 1 : 240]);
    continue;
  }
  const known = Object.keys(marks).map(Number).sort((a, b) => a - b);
  const own = known.filter((k) => !swaps(marks[k], point) && !swaps(point, marks[k]));
  if (own.length !== 1) throw new Error(`${hex(point)}: ${own}`);
  classes.push([point, own[0]]);
}

const ranges = [];
for (const [point, cls] of classes) {
  const last = ranges.at(-1);
  if (last && last.cls === cls && last.to === point - 1) last.to = point;
  else ranges.push({ from: point, to: point, cls });
}

const lines = (items) => {
  const out = [];
  let line = "";
  for (const item of items) {
    if (line.length + item.length > 120) {
      out.push(line);
      line = "";
    }
    line += (line ? ";" : "") + item;
  }
  out.push(line);
  return out.map((l) => "        " + l).join("\n");
};

writeFileSync(
  new URL("../src/Domain/Naming/NfcData.cs", import.meta.url),
  `// Written by eng/unicode-nfc.mjs from Unicode ${process.versions.unicode}.
namespace PresenceLedger.Domain.Naming;

internal static partial class Nfc
{
    /// <summary>A character, and what it is made of: <c>C0=41 300</c>.</summary>
    private const string Decompositions = """
${lines(decomposed.map(([p, parts]) => `${hex(p)}=${parts.map(hex).join(" ")}`))}
        """;

    /// <summary>Two characters that are written as one: <c>41 300=C0</c>.</summary>
    private const string Compositions = """
${lines(composed.map(([a, b, c]) => `${hex(a)} ${hex(b)}=${hex(c)}`))}
        """;

    /// <summary>Marks by combining class: <c>300-314=230</c>.</summary>
    private const string CombiningClasses = """
${lines(ranges.map((r) => `${hex(r.from)}${r.to > r.from ? "-" + hex(r.to) : ""}=${r.cls}`))}
        """;
}
`,
);
