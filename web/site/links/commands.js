// One-line commands for well-known programs, made from a stream's addresses. Pure.

/**
 * @typedef {import('./addresses.js').Address} Address
 *
 * @typedef {object} Command
 * @property {string} label
 * @property {string} text a command line, or what to type where
 * @property {string} [hint]
 */

/**
 * An argument for a POSIX shell: in single quotes if it has anything a shell would read.
 * @param {string} text
 */
export function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * @param {Address[]} addresses
 * @param {string} id
 */
function urlOf(addresses, id) {
  return addresses.find((address) => address.id === id)?.url ?? null;
}

/**
 * @param {Address[]} addresses as from `watchAddresses`
 * @param {string} name
 * @returns {Command[]}
 */
export function watchCommands(addresses, name) {
  const rtsp = urlOf(addresses, 'rtsp');
  const flv = urlOf(addresses, 'flv');
  const best = rtsp ?? flv;
  if (!best) return [];
  const tcp = rtsp ? '-rtsp_transport tcp ' : '';
  const file = shellWord(`${name.replaceAll('/', '_')}.mp4`);
  return [
    { label: 'ffplay, low delay', text: `ffplay -fflags nobuffer -flags low_delay ${tcp}${shellWord(best)}` },
    { label: 'VLC', text: `vlc --network-caching=200 ${shellWord(best)}` },
    { label: 'Record with ffmpeg', text: `ffmpeg ${tcp}-i ${shellWord(best)} -c copy ${file}` },
  ];
}

/**
 * @param {Address[]} addresses as from `publishAddresses`
 * @param {string} name
 * @returns {Command[]}
 */
export function publishCommands(addresses, name) {
  const rtmp = urlOf(addresses, 'rtmp');
  const rtsp = urlOf(addresses, 'rtsp');
  const whip = urlOf(addresses, 'whip');
  /** @type {Command[]} */
  const commands = [];
  const encode = '-c:v libx264 -preset veryfast -tune zerolatency -g 50 -pix_fmt yuv420p';
  if (rtmp) {
    const test = '-f lavfi -i testsrc2=size=1280x720:rate=25 -f lavfi -i sine';
    commands.push(
      { label: 'ffmpeg, a file over RTMP', text: `ffmpeg -re -stream_loop -1 -i input.mp4 -c copy -f flv ${shellWord(rtmp)}` },
      { label: 'ffmpeg, a test picture over RTMP', text: `ffmpeg -re ${test} ${encode} -c:a aac -f flv ${shellWord(rtmp)}` },
    );
  }
  if (rtsp) {
    commands.push({ label: 'ffmpeg, a file over RTSP', text: `ffmpeg -re -stream_loop -1 -i input.mp4 -c copy -f rtsp -rtsp_transport tcp ${shellWord(rtsp)}` });
  }
  if (rtmp) {
    const server = rtmp.slice(0, rtmp.lastIndexOf('/') + 1);
    const key = rtmp.slice(server.length);
    commands.push(
      { label: 'OBS, service “Custom”: server', text: server.replace(/\/$/, '') },
      { label: 'OBS, service “Custom”: stream key', text: key, hint: `the stream's name, ${name}` },
    );
  }
  if (whip) commands.push({ label: 'OBS, service “WHIP”: server', text: whip });
  return commands;
}
