"""Drives the sandbox with the vendor's own package, unchanged. Usage: official_client.py URL"""

import base64
import sys
import uuid

import factpulse
import requests
from factpulse_helpers.client import FactPulseClient, FactPulseError

URL = sys.argv[1]
EMAIL, PASSWORD = "demo@factpulse.test", "demo-password"


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")
    print("ok:", what)


def login(client_uid=None):
    body = {"username": EMAIL, "password": PASSWORD}
    if client_uid:
        body["client_uid"] = str(client_uid)
    answer = requests.post(f"{URL}/api/token/", json=body, timeout=10)
    check(answer.status_code == 200, "token")
    return answer.json()


def api(token):
    configuration = factpulse.Configuration(host=URL, access_token=token)
    return factpulse.ClientManagementApi(factpulse.ApiClient(configuration))


def status_of(call):
    try:
        call()
    except factpulse.ApiException as error:
        return error.status
    return 200


def twelve_operations():
    account = api(login()["access"])
    created = account.create_client_api_v1_clients_post(
        factpulse.ClientCreateRequest(name="Dupont", siret="12345678901234", description="first")
    )
    check(created is not None and created.is_active and created.name == "Dupont", "create")
    listed = account.list_clients_api_v1_clients_get(page=1, page_size=100)
    check([client.uid for client in listed.results] == [created.uid] and listed.total == 1, "list")

    uid = created.uid
    tokens = login(uid)
    refreshed = requests.post(f"{URL}/api/token/refresh/", json={"refresh": tokens["refresh"]}, timeout=10)
    check(refreshed.status_code == 200, "refresh")
    client = api(refreshed.json()["access"])
    check(client.get_client_api_v1_clients_uid_get(uid) == created_as_detail(created), "get")
    patch = factpulse.ClientUpdateRequest(description="second")
    changed = client.update_client_api_v1_clients_uid_patch(uid, patch)
    check(changed.description == "second" and changed.siret == "12345678901234", "update")
    check(client.deactivate_client_api_v1_clients_uid_desactiver_post(uid).is_active is False, "deactivate")
    check(client.activate_client_api_v1_clients_uid_activer_post(uid).is_active is True, "activate")

    check(client.get_pdp_config_api_v1_clients_uid_pdp_config_get(uid).is_configured is False, "no PDP configuration")
    old, new = (base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))
    request = factpulse.PDPConfigUpdateRequest(
        flow_service_url="https://pdp.example/flow", token_url="https://pdp.example/token",
        oauth_client_id="oauth", client_secret="s3cret", encryption_mode="double",
    )
    config = client.update_pdp_config_api_v1_clients_uid_pdp_config_put(uid, request, x_encryption_key=old)
    check(config.is_configured and config.secret_status.requires_client_key, "put PDP configuration")
    check(client.get_pdp_config_api_v1_clients_uid_pdp_config_get(uid) == config, "get PDP configuration")
    rotation = factpulse.KeyRotationRequest(old_key=old, new_key=new)
    rotated = client.rotate_encryption_key_api_v1_clients_uid_rotate_encryption_key_post(uid, rotation)
    check(rotated.success and rotated.rotated_count == 1 and not rotated.partial_errors, "rotate")
    again = status_of(lambda: client.rotate_encryption_key_api_v1_clients_uid_rotate_encryption_key_post(uid, rotation))
    check(again == 400, "a repeated rotation is refused")

    secret = client.generate_webhook_secret_api_v1_clients_uid_webhook_secret_generate_post(uid)
    check(len(secret.webhook_secret) == 64, "generate webhook secret")
    status = client.get_webhook_secret_status_api_v1_clients_uid_webhook_secret_status_get(uid)
    check(status.has_secret and status.created_at == secret.created_at, "webhook secret status")
    check(client.delete_webhook_secret_api_v1_clients_uid_webhook_secret_delete(uid).success, "delete webhook secret")

    check(status_of(lambda: account.get_client_api_v1_clients_uid_get(uid)) == 403, "account token on a client")
    check(status_of(lambda: client.get_client_api_v1_clients_uid_get(uuid.uuid4())) == 403, "another client")
    check(status_of(lambda: api("bad").list_clients_api_v1_clients_get()) == 401, "a bad token")


def created_as_detail(created):
    return factpulse.ClientDetail.from_dict(created.to_dict())


def the_helper_creates_four_clients():
    """Why our client never repeats a create: a 502 may come after the effect, and the helper tries four times."""
    faults = {"faults": [{"kind": "statusAfter", "operation": "createClient", "status": 502}]}
    check(requests.put(f"{URL}/__sandbox/faults", json=faults, timeout=10).status_code == 200, "faults set")
    helper = FactPulseClient(EMAIL, PASSWORD, "", api_url=URL)
    try:
        helper.post("clients", name="Martin", siret="73282932000074")
        raise SystemExit("FAILED: the helper saw no error")
    except FactPulseError:
        pass
    ledger = requests.get(f"{URL}/__sandbox/ledger", timeout=10).json()
    check(ledger["clientsBySiret"]["73282932000074"] == 4, "the helper made four clients of one")


twelve_operations()
the_helper_creates_four_clients()
print("all done")
