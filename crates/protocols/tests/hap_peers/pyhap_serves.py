"""HAP-python as an accessory on loopback, without mDNS: python3 FILE PORT ID CODE FOLDER. Its motion sensor moves by itself."""

import asyncio
import sys
from unittest.mock import AsyncMock, MagicMock

from pyhap.accessory import Accessory
from pyhap.accessory_driver import AccessoryDriver
from pyhap.const import CATEGORY_SENSOR

PORT, ID, CODE, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


class Sensor(Accessory):
    category = CATEGORY_SENSOR

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.moves = self.add_preload_service("MotionSensor").configure_char("MotionDetected")
        self.on = self.add_preload_service("Switch").configure_char("On")

    @Accessory.run_at_interval(0.5)
    async def run(self):
        self.moves.set_value(not self.moves.value)


async def main():
    zeroconf = MagicMock()
    zeroconf.async_register_service = AsyncMock()
    zeroconf.async_update_service = AsyncMock()
    zeroconf.async_unregister_service = AsyncMock()
    driver = AccessoryDriver(
        address="127.0.0.1", port=PORT, mac=ID, pincode=CODE.encode(), persist_file=f"{FOLDER}/accessory.state",
        async_zeroconf_instance=zeroconf, loop=asyncio.get_running_loop(),
    )
    driver.add_accessory(Sensor(driver, "Hall"))
    await driver.async_start()
    print("serving", flush=True)
    await asyncio.sleep(60)


asyncio.run(main())
