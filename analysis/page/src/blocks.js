// Unpacks the blocks of data that the program has put into the page (analysis/src/explorer/block.rs says how they are laid
// out). Invariant: arrays have the lengths that were asked for, or an error says which block is torn.

import { unzlibSync } from "fflate";

/** Bytes of base64. */
function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

/** Unpacks zlib's format: by the browser where it can, else by fflate. */
async function inflate(bytes) {
  if (typeof DecompressionStream === "undefined") return unzlibSync(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** An unpacked block. */
export class Block {
  constructor(bytes) {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    this.header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    this.arrays = bytes.subarray(Math.ceil((4 + length) / 8) * 8);
  }

  /** So many bytes. */
  bytes(at, count) {
    const found = this.arrays.subarray(at, at + count);
    if (found.length !== count) throw new Error("a block of the page's data is torn: write the report anew");
    return found;
  }

  /** So many whole numbers of 1, 2 or 4 bytes. */
  whole(at, width, count) {
    const bytes = this.bytes(at, width * count).slice();
    return new { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[width](bytes.buffer);
  }

  /** So many floats of 4 or 8 bytes, which lie byte by byte. */
  floats(at, width, count) {
    const planes = this.bytes(at, width * count);
    const bytes = new Uint8Array(width * count);
    for (let plane = 0; plane < width; plane++) {
      for (let place = 0; place < count; place++) bytes[place * width + plane] = planes[plane * count + place];
    }
    return new (width === 4 ? Float32Array : Float64Array)(bytes.buffer);
  }
}

/** Resolves when the whole page has been read. */
export const parsed = new Promise((done) => {
  if (globalThis.document?.readyState !== "loading") done();
  else document.addEventListener("DOMContentLoaded", done, { once: true });
});

/**
 * The block in the element of that identifier, or null where the page has none; what has not been read yet is waited for. The
 * element's text is let go.
 */
export async function block(identifier) {
  if (!document.getElementById(identifier)) await parsed;
  const holder = document.getElementById(identifier);
  if (!holder) return null;
  const bytes = fromBase64(holder.textContent.trim());
  holder.remove();
  return new Block(await inflate(bytes));
}
