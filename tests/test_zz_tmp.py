from test_browser_looks import *
def test_w(served, anna, addresses):
    with client_of(served, anna) as client:
        for name, address in addresses.items():
            page = client.get(address)
            files = {f: len(client.get(f).content) for f in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))}
            print(name, len(page.content), sum(files.values()), f"{1000*median(client.get(address).elapsed.total_seconds() for _ in range(9)):.0f} ms")
