// What is asked of tables, and how numbers are written: pure functions.

import assert from "node:assert/strict";
import { test } from "node:test";

import { axisOf } from "../src/axis.js";
import { Column } from "../src/cells.js";
import { decades, exact, significant, tickLabel, ticks, written } from "../src/numbers.js";
import { bounds, questions } from "../src/query.js";
import { leading } from "../src/tables.js";

test("bounds are what a person means by them", () => {
  const holds = (text, values) => values.map((value) => bounds(text)(value));
  assert.deepEqual(holds("> 0.06", [0.06, 0.07, NaN]), [false, true, false]);
  assert.deepEqual(holds("<=3", [3, 3.1]), [true, false]);
  assert.deepEqual(holds("0.1..0.2", [0.1, 0.15, 0.2, 0.21]), [true, true, true, false]);
  assert.deepEqual(holds("-1e-3", [-0.001, 0.001]), [true, false]);
  // A column of 32 bits holds 0.1 as 0.10000000149.
  assert.deepEqual(holds("=0.1", [Math.fround(0.1), 0.1001]), [true, false]);
  assert.equal(bounds("adam"), null);
});

test("a question names a column by its name without spaces, or by the beginning of that", () => {
  const names = [["cell", "cell"], ["lr", "lr"], ["epsilon_star:distance", "ε*(D)"], ["final_train_error", "final training error"]];
  const [one, two, three, four] = questions('lr=0.2 "sgd lr" ε*(D)>0.07 finaltraining<0.1', names);
  assert.equal(one.column, 1);
  assert.ok(one.test(0.2) && !one.test(0.4));
  assert.deepEqual(two, { text: "sgd lr" });
  assert.equal(three.column, 2);
  assert.equal(four.column, 3);
  assert.deepEqual(questions("unknown>3", names), [{ text: "unknown>3" }]);
});

test("numbers have the digits that they carry, and what is missing is a dash", () => {
  assert.equal(written(0.0653333, 4), "0.0653");
  assert.equal(written(74, undefined), "74");
  assert.equal(written(NaN, 4), "–");
  assert.equal(significant(0.00012345, 3), "0.000123");
  assert.equal(significant(1.5e-9, 4), "1.50e-9");
  assert.equal(exact(Math.fround(0.002)), "0.002");
});

test("ticks are round, within the range, and told apart by their labels", () => {
  const found = ticks(0.0581, 0.0742, 5);
  assert.deepEqual(found.map((value) => tickLabel(value, found[1] - found[0])), ["0.06", "0.0625", "0.065", "0.0675", "0.07", "0.0725"]);
  assert.deepEqual(decades(0.8, 1200, 4).map(Math.round), [1, 10, 100, 1000]);
  assert.equal(new Set(ticks(-3, 3, 7)).size, ticks(-3, 3, 7).length);
});

test("cells stand at their own place of an axis, and apart from one another", () => {
  const words = new Column({ role: "specification", levels: ["a", "b"], label: "w" }, Uint8Array.of(0, 1, 1, 0));
  const axis = axisOf(words, 4);
  assert.ok(axis.isDiscrete && [0, 1, 1, 0].every((level, cell) => Math.round(axis.place[cell]) === level));
  assert.notEqual(axis.place[0], axis.place[3]);
  const numbers = new Column({ role: "end", label: "n" }, Float32Array.of(1, 10, NaN, -5));
  const log = axisOf(numbers, 4, { isLog: true });
  assert.deepEqual(Array.from(log.place), [1, 10, NaN, NaN]);
  assert.ok(log.low < 1 && log.low > 0 && log.high > 10);
});

test("tables are sorted by the number that an entry begins with", () => {
  assert.deepEqual(["0.0648 – 0.0662", "–", "1.2e-5", "-0.3", "0.066 ± 0.003"].map(leading), [0.0648, NaN, 1.2e-5, -0.3, 0.066]);
});
