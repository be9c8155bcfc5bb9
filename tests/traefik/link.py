"""`python -m tests.traefik.link PORT HOST:PORT`: passes bytes on from a port of loopback, until it is stopped or ended.

Stopped with SIGSTOP it is a network that has gone silent; continued with SIGCONT it passes on what has come meanwhile.
"""

import asyncio
import sys


async def main(port: int, host: str, target: int) -> None:
    """Serve until cancelled."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, target)
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(reader, there_writer))
            group.create_task(_pass_on(there_reader, writer))

    server = await asyncio.start_server(join, "127.0.0.1", port)
    sys.stdout.write("linked\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # One end has gone: the other is told by the close.
    finally:
        writer.close()


if __name__ == "__main__":
    _host, _, _port = sys.argv[2].partition(":")
    asyncio.run(main(int(sys.argv[1]), _host, int(_port)))
