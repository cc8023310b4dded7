/** Castagnoli's polynomial, bits reversed (RFC 3720, section 12.1). */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** CRC-32C of `bytes` in which the four bytes at `hole` count as zero: where the sum itself stands. */
export function crc32c(bytes: Uint8Array, hole = bytes.length): number {
  let sum = 0xffffffff;
  for (let index = 0; index < bytes.length; index++) {
    const byte = index >= hole && index < hole + 4 ? 0 : bytes[index]!;
    sum = TABLE[(sum ^ byte) & 0xff]! ^ (sum >>> 8);
  }
  return (sum ^ 0xffffffff) >>> 0;
}
