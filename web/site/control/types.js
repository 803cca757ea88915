// The shapes of the server's answers (`api/v1/…`), as types only: this module has no code.

/**
 * @typedef {'idle' | 'connecting' | 'live' | 'backoff' | 'gave_up' | 'removed' | 'waiting'} State
 *
 * @typedef {object} Track
 * @property {number} id
 * @property {'video' | 'audio' | string} kind
 * @property {string} codec our name: H264, AAC, …
 * @property {string} [codec_string] RFC 6381: avc1.64001f
 * @property {number} [width] pixels
 * @property {number} [height] pixels
 * @property {number} [fps]
 * @property {number} [clock_rate] Hz
 * @property {number} [channels]
 *
 * @typedef {object} Source
 * @property {string} url credentials are already masked
 * @property {State} state
 * @property {number} attempt
 * @property {string | null} next_try RFC 3339
 * @property {string | null} error
 * @property {string | null} fault whose fault the error is: peer, us, config; null also when the peer ended in order
 * @property {string} since RFC 3339
 * @property {boolean} [wanted] it runs for somebody, or would if it did not fail
 * @property {boolean} [fallback] it stands in only while the sources before it fail
 * @property {Policy} [policy] the values in force
 *
 * @typedef {object} Policy
 * @property {number} start_ms wait after the first failure
 * @property {number} factor each further wait is this many times the one before
 * @property {number} ceiling_ms longest wait
 * @property {number} jitter share by which waits are changed at random
 * @property {number} budget_ms failing for this long in all, it gives up; 0: never
 * @property {number} steady_ms media must flow for this long before a failure counts as the first again
 *
 * @typedef {object} Output a device that a talk stream's media goes to
 * @property {string} url credentials are already masked
 * @property {State} state
 * @property {number} attempt
 * @property {string | null} next_try RFC 3339
 * @property {string | null} error
 * @property {string | null} fault peer, us, config
 * @property {string} since RFC 3339
 * @property {string | null} opened what the device takes, while it does: PCMU/8000
 * @property {number} frames
 * @property {number} bytes
 * @property {number | null} level_dbfs
 *
 * @typedef {object} Reader
 * @property {string} id
 * @property {string} protocol
 * @property {string} remote_addr
 * @property {string} [user_agent]
 * @property {number} bytes
 * @property {number} units
 * @property {number} skipped units left out because the reader was too slow
 * @property {number} lag_ms
 * @property {string} since RFC 3339
 *
 * @typedef {object} Publisher
 * @property {string} [id]
 * @property {string} protocol
 * @property {string} remote_addr
 * @property {boolean} [waits] it waits for its turn, and what it sends is dropped
 * @property {string} since RFC 3339
 *
 * @typedef {object} Stream
 * @property {string} name
 * @property {State} state
 * @property {string | null} reason
 * @property {string} since RFC 3339
 * @property {Track[]} tracks
 * @property {Source[]} sources
 * @property {Output[]} [outputs] the devices that its media goes to, for talk streams
 * @property {string | null} [talk] the name of its talk stream
 * @property {boolean} [muted] its sound is held back while somebody talks
 * @property {Publisher | null} publisher
 * @property {Publisher[]} [publishers] everybody who pushes into it or waits to: in a talk stream, those who talk
 * @property {Reader[]} readers
 * @property {number} bytes_in
 * @property {number} bitrate_in bit/s
 * @property {number} units_in
 *
 * @typedef {'http' | 'rtsp' | 'rtsps' | 'rtmp' | 'webrtc'} ListenerName
 *
 * @typedef {object} Info
 * @property {string} name
 * @property {string} version
 * @property {Partial<Record<ListenerName, string | null>>} listeners address and port, or null if off
 *
 * @typedef {object} ServerEvent
 * @property {string} type stream.live, stream.removed, …
 * @property {string} [time] RFC 3339
 * @property {string} [stream]
 * @property {string | null} [reason]
 */

export {};
