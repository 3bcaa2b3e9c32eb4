import fc from "fast-check";
import { expect, test } from "vitest";
import { quantize } from "../../src/inference/handlers/integer-product.js";

test("a vector written as bytes is off by the error that is told, and never more", () => {
  const component = fc.float({ min: -1, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(component, { minLength: 1, maxLength: 40 }), (values) => {
      const vector = Float32Array.from(values);
      const bytes = new Uint8Array(vector.length);
      const { step, error } = quantize(vector, bytes);
      const off = Math.hypot(...vector.map((value, i) => value - ((bytes[i] as number) - 64) * step));
      expect(error).toBeCloseTo(off, 5);
      // Two products of seven and eight bits fit in sixteen.
      for (const byte of bytes) expect(Math.abs(byte - 64)).toBeLessThanOrEqual(63);
    }),
    { seed: 7, numRuns: 300 },
  );
});

test("a vector of zeros has no step that divides by zero", () => {
  const bytes = new Uint8Array(3);
  expect(quantize(new Float32Array(3), bytes)).toEqual({ step: 1, error: 0 });
  expect([...bytes]).toEqual([64, 64, 64]);
});
