// hap-nodejs as a camera on loopback, without mDNS: node FILE PORT ID CODE FOLDER. It takes streams and sends none.
const { Accessory, CameraController, HAPStorage, Service, Characteristic, uuid } = require("hap-nodejs");

const [port, id, code, folder] = process.argv.slice(2);
HAPStorage.setCustomStoragePath(folder);
const accessory = new Accessory("Gate", uuid.generate("aqueduct.test.gate"));
const session = {
  handleSnapshotRequest: (_, callback) => callback(undefined, Buffer.alloc(3000, 0xff)),
  prepareStream: (asked, callback) => callback(undefined, {
    video: { port: 40000, ssrc: 1, srtp_key: asked.video.srtp_key, srtp_salt: asked.video.srtp_salt },
    audio: { port: 40002, ssrc: 2, srtp_key: asked.audio.srtp_key, srtp_salt: asked.audio.srtp_salt },
  }),
  handleStreamRequest: (request, callback) => {
    console.log(request.type, request.video ? `${request.video.width}x${request.video.height} ${request.audio.codec}` : "");
    callback();
  },
};
accessory.configureController(new CameraController({
  cameraStreamCount: 1,
  delegate: session,
  streamingOptions: {
    supportedCryptoSuites: [0],
    video: { codec: { profiles: [0, 1, 2], levels: [0, 1, 2] }, resolutions: [[1280, 720, 30], [320, 240, 15]] },
    audio: { twoWayAudio: true, codecs: [{ type: "OPUS", samplerate: 24 }] },
  },
}));
const sensor = accessory.addService(Service.MotionSensor, "Motion");
let moves = false;
setInterval(() => sensor.updateCharacteristic(Characteristic.MotionDetected, moves = !moves), 500).unref();
accessory.publish({
  username: id, pincode: code, port: Number(port), category: 17, bind: ["127.0.0.1"], advertiser: "ciao",
  addIdentifyingMaterial: false,
}).then(() => console.log("serving"));
setTimeout(() => process.exit(0), 60_000);
