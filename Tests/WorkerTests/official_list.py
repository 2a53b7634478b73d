"""Prints the account's clients as the vendor's own package reads them, one JSON object a line. Usage: official_list.py URL"""

import json
import sys

import factpulse
import requests

URL = sys.argv[1]
body = {"username": "demo@factpulse.test", "password": "demo-password"}
token = requests.post(f"{URL}/api/token/", json=body, timeout=10).json()["access"]
api = factpulse.ClientManagementApi(factpulse.ApiClient(factpulse.Configuration(host=URL, access_token=token)))

page, seen = 1, {}
while True:
    answer = api.list_clients_api_v1_clients_get(page=page, page_size=100)
    for client in answer.results:
        seen[str(client.uid)] = client
    if not answer.results or page * answer.page_size >= answer.total:
        break
    page += 1

for uid, client in sorted(seen.items()):
    fields = client.to_dict()
    fields["uid"] = uid
    for name in ("createdAt", "updatedAt"):
        fields[name] = fields[name].timestamp()
    print(json.dumps(fields, sort_keys=True))
