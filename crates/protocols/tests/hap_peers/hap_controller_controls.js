// hap-controller against an accessory on loopback: node FILE PORT ID CODE. Each step prints one line when it went well.
const { HttpClient } = require("hap-controller");

const [port, id, code] = process.argv.slice(2);

const find = (accessory, service, characteristic) => {
  const short = type => type.replace(/-.*$/, "").replace(/^0+/, "");
  for (const candidate of accessory.services.filter(one => short(one.type) === service)) {
    for (const one of candidate.characteristics.filter(one => short(one.type) === characteristic)) {
      return `${accessory.aid}.${one.iid}`;
    }
  }
  throw new Error(`no ${service}/${characteristic}`);
};

(async () => {
  const client = new HttpClient(id, "127.0.0.1", Number(port));
  await client.pairSetup(code);
  console.log("paired");
  const { accessories } = await client.getAccessories();
  const [name, motion, mute] = [["3E", "23"], ["85", "22"], ["112", "11A"]].map(of => find(accessories[0], ...of));
  const read = async id => (await client.getCharacteristics([id])).characteristics[0].value;
  console.log("name", await read(name));
  const moved = new Promise(resolve => client.on("event", event => resolve(event.characteristics[0].iid)));
  await client.subscribeCharacteristics([motion]);
  console.log("motion", `1.${await moved}` === motion);
  await client.setCharacteristics({ [mute]: true });
  console.log("muted", await read(mute));
  console.log("picture of", (await client.getImage(640, 360)).length, "bytes");
  await client.unsubscribeCharacteristics([motion]);
  await client.removePairing(client.pairingProtocol.iOSDevicePairingID);
  console.log("removed");
  process.exit(0);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
