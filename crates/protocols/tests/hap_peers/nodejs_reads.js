// Reads a payload of a data stream as hap-nodejs does: node FILE HEX. Prints header and body; of bytes their number.
const { DataStreamParser, DataStreamReader } = require("hap-nodejs");

const payload = Buffer.from(process.argv[2], "hex");
const head = payload[0];
const read = bytes => {
  const reader = new DataStreamReader(bytes);
  const value = DataStreamParser.decode(reader);
  if (reader.readerIndex !== bytes.length) {
    throw new Error(`${bytes.length - reader.readerIndex} bytes are left`);
  }
  return JSON.stringify(value, (_, of) => (of && of.type === "Buffer" ? of.data.length : of));
};
console.log(read(payload.subarray(1, 1 + head)));
console.log(read(payload.subarray(1 + head)));
