"""What Debian's python3-docker is made to do: each function is a test of python.test.ts, by its name.

A function that returns has passed. They work on the container "box", which runs as long as they do.
"""

import io
import sys
import tarfile
import threading
import time

import docker

IMAGE = "demo:1"
client = docker.from_env(timeout=60)


def box():
    return client.containers.get("box")


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def refused(error, action):
    """The error that `action` has to fail with."""
    try:
        action()
    except error as failure:
        return str(failure)
    raise AssertionError(f"no {error.__name__}")


def run():
    """Waits for the end, takes the output, removes the container."""
    equal(client.containers.run(IMAGE, ["echo", "hello"], remove=True), b"hello\n")
    equal([found.name for found in client.containers.list(all=True)], ["box"])


def run_failing():
    script = ["sh", "-c", "echo out; echo error >&2; exit 3"]
    try:
        client.containers.run(IMAGE, script, name="failing", network_mode="none")
    except docker.errors.ContainerError as failure:
        equal((failure.exit_status, failure.stderr), (3, b"error\n"))
    else:
        raise AssertionError("it succeeded")
    failing = client.containers.get("failing")
    equal(failing.status, "exited")
    equal(failing.wait()["StatusCode"], 3)
    equal(failing.logs(stdout=True, stderr=False), b"out\n")
    failing.remove()
    refused(docker.errors.NotFound, lambda: client.containers.get("failing"))


def logs():
    equal(box().logs(stderr=False), b"ready\n")
    equal(box().logs(stdout=False), b"error\n")
    assert box().logs(timestamps=True, tail=1).split(b" ")[0].endswith(b"Z")
    equal(box().logs(until=int(time.time()) - 86400), b"")
    equal(next(box().logs(stream=True, follow=True, stderr=False)), b"ready\n")


def exec_run():
    equal(box().exec_run(["sh", "-c", "echo $A; pwd; exit 4"], environment={"A": "b"}, workdir="/tmp"), (4, b"b\n/tmp\n"))
    equal(box().exec_run("sh -c 'echo out; echo error >&2'", demux=True), (0, (b"out\n", b"error\n")))
    equal(b"".join(box().exec_run("seq 1 2000", stream=True).output), "".join(f"{n}\n" for n in range(1, 2001)).encode())
    equal(box().exec_run("tty", tty=True).output, b"/dev/pts/0\r\n")
    equal(box().exec_run("id -un", user="demo").output, b"demo\n")


def exec_socket():
    """A connection in both directions, of which the client closes one."""
    exec_id = client.api.exec_create("box", "cat", stdin=True)["Id"]
    connection = client.api.exec_start(exec_id, socket=True)
    connection._sock.sendall(b"through")
    connection._sock.shutdown(1)
    equal(b"".join(data for _, data in docker.utils.socket.frames_iter(connection, tty=False)), b"through")
    equal(client.api.exec_inspect(exec_id)["ExitCode"], 0)


def archives():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        member = tarfile.TarInfo("put/file")
        member.size, member.mode, member.uid = 4, 0o640, 1000
        archive.addfile(member, io.BytesIO(b"text"))
    equal(box().put_archive("/tmp", content.getvalue()), True)
    equal(box().exec_run("stat -c '%s %a %u' /tmp/put/file").output, b"4 640 1000\n")
    stream, facts = box().get_archive("/tmp/put")
    equal(facts["name"], "put")
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        equal(sorted(archive.getnames()), ["put", "put/file"])
        equal(archive.extractfile("put/file").read(), b"text")
    refused(docker.errors.NotFound, lambda: box().get_archive("/nothing"))


def stats():
    once = box().stats(stream=False)
    equal(once["name"], "/box")
    assert once["memory_stats"]["usage"] > 0 and once["pids_stats"]["current"] > 0, once
    stream = box().stats(stream=True, decode=True)
    first, second = next(stream), next(stream)
    assert second["read"] > first["read"], (first["read"], second["read"])
    assert second["cpu_stats"]["system_cpu_usage"] > first["cpu_stats"]["system_cpu_usage"]


def events():
    since = time.time()
    stream = client.events(decode=True, since=since, filters={"container": "box", "event": ["pause", "unpause"]})
    threading.Thread(target=lambda: (box().pause(), box().unpause())).start()
    told = [next(stream), next(stream)]
    stream.close()
    equal([event["Action"] for event in told], ["pause", "unpause"])
    equal(told[0]["Actor"]["Attributes"]["name"], "box")


def describe():
    found = box()
    equal((found.status, found.labels, found.image.tags), ("running", {"of": "python"}, [IMAGE]))
    assert any("read" in " ".join(row) for row in found.top()["Processes"]), found.top()
    equal([one.name for one in client.containers.list(filters={"label": "of=python"})], ["box"])
    box().exec_run("touch /made")
    assert {"Path": "/made", "Kind": 1} in found.diff(), found.diff()
    assert client.info()["Containers"] >= 1 and client.ping() is True
    assert client.version()["ApiVersion"], client.version()
    assert client.df()["Images"], client.df()


def attach():
    """To what runs: input by one socket, output as it comes."""
    stream = box().attach(stream=True, stdout=True, stderr=False, logs=False)
    connection = box().attach_socket(params={"stdin": 1, "stream": 1})
    connection._sock.sendall(b"line\n")
    equal(next(stream), b"got line\n")
    connection.close()


def images():
    image = client.images.get(IMAGE)
    equal(image.tag("other", tag="2"), True)
    equal(sorted(client.images.get("other:2").tags), [IMAGE, "other:2"])
    saved = b"".join(client.images.get("other:2").save(named="other:2"))
    client.images.remove("other:2")
    refused(docker.errors.ImageNotFound, lambda: client.images.get("other:2"))
    equal([loaded.tags for loaded in client.images.load(saved)], [[IMAGE, "other:2"]])
    client.images.remove("other:2")
    equal([found.tags for found in client.images.list(name="demo")], [[IMAGE]])
    equal((image.attrs["Os"], image.attrs["Config"]["WorkingDir"]), ("linux", "/root"))


def volumes():
    volume = client.volumes.create("kept", driver_opts={"size": "32m"}, labels={"of": "python"})
    equal([found.name for found in client.volumes.list(filters={"label": "of=python"})], ["kept"])
    mounted = {"kept": {"bind": "/data", "mode": "rw"}}
    client.containers.run(IMAGE, ["sh", "-c", "echo text > /data/file"], volumes=mounted, remove=True, network_mode="none")
    output = client.containers.run(IMAGE, "cat /data/file", volumes=mounted, remove=True, network_mode="none")
    equal(output, b"text\n")
    running = client.containers.run(IMAGE, "sleep 1000", volumes=mounted, detach=True, network_mode="none")
    equal(running.exec_run("sh -c 'echo other > /data/file'").exit_code, 0)
    running.remove(force=True)
    output = client.containers.run(IMAGE, "cat /data/file", volumes=mounted, remove=True, network_mode="none")
    equal(output, b"other\n")
    volume.remove()
    refused(docker.errors.NotFound, lambda: client.volumes.get("kept"))


def life():
    """Last: restarts and stops what the others work on."""
    box().restart(timeout=0)
    equal(box().status, "running")
    box().rename("crate")
    crate = client.containers.get("crate")
    image = crate.commit("committed", tag="1", changes='CMD ["cat", "/made"]')
    equal(image.tags, ["committed:1"])
    client.images.remove("committed:1")
    crate.kill("SIGKILL")
    equal(crate.wait(condition="not-running")["StatusCode"], 137)
    crate.rename("box")
    refused(docker.errors.APIError, lambda: box().exec_run("true"))


globals()[sys.argv[1]]()
