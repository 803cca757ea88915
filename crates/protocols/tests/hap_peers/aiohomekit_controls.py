"""aiohomekit, which is Home Assistant's controller, against an accessory on loopback: python3 FILE PORT ID CODE.

Each step prints one line when it went well; whatever goes wrong is a traceback and an exit status.
"""

import asyncio
import sys
from unittest.mock import MagicMock

from aiohomekit.characteristic_cache import CharacteristicCacheMemory
from aiohomekit.controller.ip.controller import IpController
from aiohomekit.controller.ip.discovery import IpDiscovery
from aiohomekit.exceptions import AuthenticationError
from aiohomekit.model.categories import Categories
from aiohomekit.model.feature_flags import FeatureFlags
from aiohomekit.model.status_flags import StatusFlags
from aiohomekit.zeroconf import HomeKitService

PORT, ID, CODE = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def find(accessory, service, characteristic):
    """Where a characteristic is; types as short numbers."""
    long = lambda short: f"{short:0>8}-0000-1000-8000-0026BB765291"
    for candidate in accessory["services"]:
        if candidate["type"].upper() == long(service):
            for one in candidate["characteristics"]:
                if one["type"].upper() == long(characteristic):
                    return (accessory["aid"], one["iid"])
    raise SystemExit(f"no {service}/{characteristic}")


async def main():
    description = HomeKitService(
        name="door", id=ID.lower(), model="", feature_flags=FeatureFlags(0), status_flags=StatusFlags(1), config_num=1,
        state_num=1, category=Categories(18), protocol_version="1.1", type="_hap._tcp.local.", address="127.0.0.1",
        addresses=["127.0.0.1"], port=PORT,
    )
    controller = IpController(char_cache=CharacteristicCacheMemory(), zeroconf_instance=MagicMock())
    discovery = IpDiscovery(controller, description)

    finish = await discovery.async_start_pairing("door")
    try:
        await finish("111-22-334")
        raise SystemExit("a wrong code pairs")
    except AuthenticationError:
        print("wrong code refused")
    finish = await discovery.async_start_pairing("door")
    pairing = await finish(CODE)
    print("paired")

    accessories = await pairing.list_accessories_and_characteristics()
    name = find(accessories[0], "3E", "23")
    values = await pairing.get_characteristics([name])
    print(f"name {values[name]['value']}")

    motion, mute = find(accessories[0], "85", "22"), find(accessories[0], "112", "11A")
    came = asyncio.Event()
    pairing.dispatcher_connect(lambda data: came.set() if data.get(motion, {}).get("value") is True else None)
    await pairing.subscribe([motion])
    await asyncio.wait_for(came.wait(), 10)
    print("motion")

    assert await pairing.put_characteristics([(*mute, True)]) == {}
    assert (await pairing.get_characteristics([mute]))[mute]["value"] is True
    refused = await pairing.put_characteristics([(*name, "other")])
    print(f"muted, name refused with {refused[name]['status']}")

    print(f"picture of {len(await pairing.image(1, 640, 360))} bytes")

    pairings = await pairing.list_pairings()
    print(f"{len(pairings)} pairing, {pairings[0]['controllerType']}")
    guest = "5A5A5A5A-0000-4000-8000-0000000000BB"
    await pairing.add_pairing(guest, "11" * 32, "User")
    print(f"{len(await pairing.list_pairings())} pairings")
    await pairing.remove_pairing(guest)
    await pairing.remove_pairing(pairing.pairing_data["iOSPairingId"])
    print("removed")
    await pairing.close()
    await discovery.close()


asyncio.run(main())
