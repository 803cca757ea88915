// hap-controller with one of our cameras: node FILE PORT ID PIN. Each step prints one line when it went well.
const { HttpClient } = require("hap-controller");

const [port, id, pin] = process.argv.slice(2);
const short = type => type.replace(/-.*$/, "").replace(/^0+/, "");

(async () => {
  const wrong = new HttpClient(id, "127.0.0.1", Number(port));
  await wrong.pairSetup("111-22-334").then(() => { throw new Error("a wrong pin pairs"); }, () => console.log("wrong pin refused"));
  const client = new HttpClient(id, "127.0.0.1", Number(port));
  await client.pairSetup(pin);
  console.log("paired");
  const { accessories } = await client.getAccessories();
  const management = accessories[0].services.find(one => short(one.type) === "110");
  const status = management.characteristics.find(one => short(one.type) === "120");
  console.log("listed");
  await client.subscribeCharacteristics([`1.${status.iid}`]);
  console.log("subscribed");
  const picture = await client.getImage(320, 180);
  console.log("picture", picture[0] === 0xff && picture[1] === 0xd8);
  await client.unsubscribeCharacteristics([`1.${status.iid}`]);
  await client.removePairing(client.pairingProtocol.iOSDevicePairingID);
  console.log("removed");
  process.exit(0);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
