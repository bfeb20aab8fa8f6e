"""Logs in at the emulator and makes what a path can name: SMS, orders, a support case, an expired SIM.

usage: seed.py BASE_URL OUT_FILE; BASE_URL ends in /management-api.
"""

import base64
import json
import sys
import urllib.request

# A second customer of the emulator, to which SIMs are transferred.
ORGANISATION = 990002
LOGIN = base64.b64encode(b"990001_simward:emulator-secret").decode()


def call(method, url, body=None, authorization=None):
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
        text = answer.read()
        return json.loads(text) if text else None, answer.headers


def main():
    base, out = sys.argv[1:]
    token, _ = call("POST", f"{base}/oauth/token", {"grant_type": "client_credentials"}, f"Basic {LOGIN}")
    bearer = f"Bearer {token['access_token']}"

    def api(method, path, body=None):
        return call(method, base + path, body, bearer)

    pages = [api("GET", f"/v1/sims?page={page}&pageSize=40")[0] for page in (1, 2, 3)]
    iccids, ending, leaving = ([sim["iccid"] for sim in page] for page in pages)
    sms = []
    for iccid in iccids[:20]:
        sent, _ = api("POST", f"/v2/sims/{iccid}/sms", {"payload": "contract", "source_address": "1000"})
        sms.append({"iccid": iccid, "id": int(sent["id"])})
        api("POST", f"/v1/sims/{iccid}/topup?payment_method=creditcard")
    products, _ = api("GET", "/v1/products")
    api("POST", "/v1/orders", {"products": [{"productId": products[0]["id"], "quantity": 1}]})
    api("POST", "/v1/support", {"replyToMail": "a@example.com", "senderName": "A", "subject": "S", "text": "T"})
    api("POST", "/v1/sims/limits", {"dataLimitId": 1, "smsMtLimitId": 1, "smsMoLimitId": 1})
    control = base.removesuffix("/management-api") + "/_emulator"
    for iccid in [iccids[-1], *ending]:
        call("PATCH", f"{control}/sims/{iccid}", {"expired": True})
    orders, _ = api("GET", "/v1/orders")
    seed = {
        "token": token["access_token"],
        "iccids": iccids,
        # An extension needs SIMs near their end; a transfer takes SIMs away.
        "pools": {"/v1/sims/extension": ending, "/v1/sims/simTransfer": leaving},
        "organisation": ORGANISATION,
        "sms": sms,
        "orders": [int(order["order_number"]) for order in orders],
        "products": [product["id"] for product in products],
    }
    with open(out, "w", encoding="utf-8") as file:
        json.dump(seed, file)
    print(f"    {len(iccids)} SIMs, {len(sms)} SMS, {len(orders)} orders to name in paths")


if __name__ == "__main__":
    main()
