// What our pages use of mediasoup-client, since its own types are not installed where the page is checked.
// Source: mediasoup-client 3.24.1, its published types. What only travels between it and the server has no fields here.

/** One of mediasoup's parameter objects: made by the server or by mediasoup-client, and only handed on. */
export type Opaque = Record<string, any>;

export interface RtpCodecCapability {
  kind: 'audio' | 'video';
  mimeType: string;
}

export interface RtpCapabilities {
  codecs?: RtpCodecCapability[];
}

export interface Emitter {
  on(event: string, listener: (...values: any[]) => void): this;
  close(): void;
  readonly closed: boolean;
  readonly id: string;
  readonly appData: Opaque;
}

export interface Producer extends Emitter {
  readonly kind: 'audio' | 'video';
  readonly paused: boolean;
  readonly track: MediaStreamTrack | null;
  readonly rtpParameters: { encodings?: { scalabilityMode?: string }[] };
  pause(): void;
  resume(): void;
  replaceTrack(options: { track: MediaStreamTrack | null }): Promise<void>;
  getStats(): Promise<RTCStatsReport>;
}

export interface Consumer extends Emitter {
  readonly producerId: string;
  readonly kind: 'audio' | 'video';
  readonly paused: boolean;
  readonly track: MediaStreamTrack;
  readonly rtpParameters: { encodings?: { scalabilityMode?: string }[] };
  pause(): void;
  resume(): void;
  getStats(): Promise<RTCStatsReport>;
}

export interface DataProducer extends Emitter {
  readonly readyState: RTCDataChannelState;
  send(data: string): void;
}

export interface DataConsumer extends Emitter {
  readonly label: string;
}

export interface Transport extends Emitter {
  readonly connectionState: RTCPeerConnectionState;
  restartIce(options: { iceParameters: Opaque }): Promise<void>;
  getStats(): Promise<RTCStatsReport>;
  produce(options: {
    track: MediaStreamTrack;
    encodings?: RTCRtpEncodingParameters[];
    codec?: RtpCodecCapability;
    codecOptions?: Record<string, boolean | number>;
    stopTracks?: boolean;
    appData?: Opaque;
  }): Promise<Producer>;
  consume(options: Opaque): Promise<Consumer>;
  produceData(options: { ordered?: boolean; label?: string; protocol?: string; appData?: Opaque }): Promise<DataProducer>;
  consumeData(options: Opaque): Promise<DataConsumer>;
}

export interface Device {
  readonly recvRtpCapabilities: RtpCapabilities;
  readonly sendRtpCapabilities: RtpCapabilities;
  load(options: { routerRtpCapabilities: RtpCapabilities }): Promise<void>;
  canProduce(kind: 'audio' | 'video'): boolean;
  createSendTransport(options: Opaque): Transport;
  createRecvTransport(options: Opaque): Transport;
}

export interface DeviceFactory {
  factory(): Promise<Device>;
}
