"""Drives the sandbox with the vendor's own package, unchanged. Usage: official_client.py URL"""

import base64
import json
import re
import sys
import uuid
from datetime import datetime, timedelta, timezone

import factpulse
import requests
from factpulse_helpers.client import FactPulseClient, FactPulseError
from factpulse_helpers.exceptions import FactPulseNotFoundError, parse_api_error

URL = sys.argv[1]
EMAIL, PASSWORD = "demo@factpulse.test", "demo-password"
OLD, NEW, WRONG = (base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2, 3))


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


def is_now(instant):
    return instant.tzinfo is not None and abs(datetime.now(timezone.utc) - instant) < timedelta(minutes=5)


def error_of(call):
    """The exception of a call that must fail."""
    try:
        call()
    except factpulse.ApiException as error:
        return error
    raise SystemExit("FAILED: there was no error")


def sandbox(method, path, body=None):
    answer = requests.request(method, f"{URL}/__sandbox/{path}", json=body, timeout=10)
    check(answer.ok, f"{method} {path.split('/')[0]}")
    return answer.json()


def clients_of_the_account():
    account = api(login()["access"])
    created = account.create_client_api_v1_clients_post_with_http_info(
        factpulse.ClientCreateRequest(name="Café « Été »", siret="12345678901234", description="first")
    )
    check(created.status_code == 201, "create is 201")
    client = created.data
    check(isinstance(client, factpulse.ClientDetail) and isinstance(client.uid, uuid.UUID), "create answers a client")
    check((client.name, client.siret, client.description) == ("Café « Été »", "12345678901234", "first"), "create keeps")
    check(client.is_active and not client.has_config_pdp and not client.has_config_chorus, "a client begins active")
    check(client.pdp_is_active is None and client.pdp_is_mock is None, "and without PDP")
    check(is_now(client.created_at) and client.updated_at == client.created_at, "and now")

    for number in range(24):
        account.create_client_api_v1_clients_post(factpulse.ClientCreateRequest(name=f"Client {number}"))
    page = account.list_clients_api_v1_clients_get()
    check((page.total, page.page, page.page_size, len(page.results)) == (25, 1, 20, 20), "list by default")
    check(page.results[0].to_dict() == client.to_dict(), "list shows what create answered")
    rest = account.list_clients_api_v1_clients_get(page=3, page_size=10)
    check((rest.total, rest.page, rest.page_size, len(rest.results)) == (25, 3, 10, 5), "list by page")
    check(len({c.uid for c in page.results + rest.results}) == 25, "no client is on two pages")
    past = account.list_clients_api_v1_clients_get(page=9, page_size=100)
    check(past.results == [] and past.total == 25, "list past the end")
    return account, client


def life_of_a_client(account, created):
    uid = created.uid
    tokens = login(uid)
    refreshed = requests.post(f"{URL}/api/token/refresh/", json={"refresh": tokens["refresh"]}, timeout=10)
    check(refreshed.status_code == 200, "refresh")
    client = api(refreshed.json()["access"])
    check(client.get_client_api_v1_clients_uid_get(uid).to_dict() == created.to_dict(), "get")

    patch = factpulse.ClientUpdateRequest(description="second")
    changed = client.update_client_api_v1_clients_uid_patch(uid, patch)
    check((changed.description, changed.siret, changed.name) == ("second", created.siret, created.name), "update")
    check(changed.updated_at > created.updated_at and changed.created_at == created.created_at, "update is dated")
    cleared = client.update_client_api_v1_clients_uid_patch(uid, factpulse.ClientUpdateRequest(description=None))
    check(cleared.description is None and cleared.siret == created.siret, "update clears what is null")

    off = client.deactivate_client_api_v1_clients_uid_desactiver_post(uid)
    check((off.uid, off.is_active, bool(off.message)) == (uid, False, True), "deactivate")
    check(client.get_client_api_v1_clients_uid_get(uid).is_active is False, "it is inactive")
    on = client.activate_client_api_v1_clients_uid_activer_post(uid)
    check((on.uid, on.is_active, bool(on.message)) == (uid, True, True), "activate")
    check(client.get_client_api_v1_clients_uid_get(uid).is_active is True, "it is active")
    return client


def pdp_and_keys(client, uid):
    none = client.get_pdp_config_api_v1_clients_uid_pdp_config_get(uid)
    check(none.is_configured is False and bool(none.message) and none.id is None, "no PDP configuration")
    put = client.update_pdp_config_api_v1_clients_uid_pdp_config_put
    texts = dict(flow_service_url="https://pdp.example/flow", token_url="https://pdp.example/token",
                 oauth_client_id="oauth", client_secret="s3cret-of-the-pdp")
    plain = put(uid, factpulse.PDPConfigUpdateRequest(**texts, is_active=False, mode_sandbox=True))
    check((plain.is_configured, plain.is_active, plain.mode_sandbox) == (True, False, True), "put PDP configuration")
    check(plain.encryption_mode == "fernet" and plain.secret_status.requires_client_key is False, "in fernet mode")

    double = factpulse.PDPConfigUpdateRequest(**texts, encryption_mode="double")
    config = put(uid, double, x_encryption_key=OLD)
    check((config.flow_service_url, config.token_url, config.oauth_client_id)
          == ("https://pdp.example/flow", "https://pdp.example/token", "oauth"), "put keeps")
    check((config.is_active, config.mode_sandbox) == (True, False), "what is left out falls back to its default")
    check((config.encryption_mode, config.secret_status.status) == ("double", "active"), "in double mode")
    check(config.secret_status.encryption_mode == "double" and config.secret_status.requires_client_key, "with a key")
    check(config.id == plain.id and config.created_at == plain.created_at, "the same configuration")
    check(config.updated_at > plain.updated_at and is_now(config.updated_at), "updated now")
    check((config.last_test_at, config.last_test_success, config.last_test_error) == (None, None, None), "not tested")
    check(client.get_pdp_config_api_v1_clients_uid_pdp_config_get(uid) == config, "get PDP configuration")
    check("s3cret" not in config.to_json(), "the secret is never returned")
    detail = client.get_client_api_v1_clients_uid_get(uid)
    check((detail.has_config_pdp, detail.pdp_is_active, detail.pdp_is_mock) == (True, True, False), "the client knows")
    for key in (None, "short", base64.b64encode(bytes(31)).decode()):
        check(error_of(lambda: put(uid, double, x_encryption_key=key)).status == 400, "double mode needs a right key")

    rotate = client.rotate_encryption_key_api_v1_clients_uid_rotate_encryption_key_post
    request = factpulse.KeyRotationRequest(old_key=OLD, new_key=NEW)
    wrong = error_of(lambda: rotate(uid, factpulse.KeyRotationRequest(old_key=WRONG, new_key=NEW)))
    check(wrong.status == 400 and WRONG not in wrong.body and NEW not in wrong.body, "a wrong old key is refused")
    check(sandbox("POST", "opens", {"uid": str(uid), "key": OLD})["pdp"], "the secret is under the old key")
    rotated = rotate(uid, request)
    check((rotated.success, rotated.rotated_count, rotated.partial_errors) == (True, 1, None), "rotate")
    check(bool(rotated.message), "rotate says so")
    check(sandbox("POST", "opens", {"uid": str(uid), "key": NEW})["pdp"], "the secret is under the new key")
    check(not sandbox("POST", "opens", {"uid": str(uid), "key": OLD})["pdp"], "and no longer under the old one")
    check(error_of(lambda: rotate(uid, request)).status == 400, "a repeated rotation is refused")
    check(put(uid, factpulse.PDPConfigUpdateRequest(**texts)).encryption_mode == "fernet", "back to fernet mode")
    check(error_of(lambda: rotate(uid, request)).status == 404, "nothing to rotate is a 404")


def webhook_secret(client, uid):
    status = client.get_webhook_secret_status_api_v1_clients_uid_webhook_secret_status_get
    generate = client.generate_webhook_secret_api_v1_clients_uid_webhook_secret_generate_post
    delete = client.delete_webhook_secret_api_v1_clients_uid_webhook_secret_delete
    check((status(uid).has_secret, status(uid).created_at) == (False, None), "no webhook secret")
    first, second = generate(uid), generate(uid)
    check(first.success and re.fullmatch("[0-9a-f]{64}", first.webhook_secret), "generate webhook secret")
    check(first.webhook_secret != second.webhook_secret and second.created_at > first.created_at, "another each time")
    check((status(uid).has_secret, status(uid).created_at) == (True, second.created_at), "webhook secret status")
    deleted = delete(uid)
    check(deleted.success and bool(deleted.message), "delete webhook secret")
    check(status(uid).has_secret is False, "the webhook secret is gone")


def refusals(account, client, uid):
    get = "get_client_api_v1_clients_uid_get"
    other = error_of(lambda: getattr(client, get)(uuid.uuid4()))
    check(isinstance(other, factpulse.exceptions.ForbiddenException) and "detail" in other.body, "another client: 403")
    check(error_of(lambda: getattr(account, get)(uid)).status == 403, "an account's token on a client: 403")
    check(error_of(lambda: client.list_clients_api_v1_clients_get()).status == 403, "a client's token on the list: 403")
    bad = error_of(lambda: api("bad").list_clients_api_v1_clients_get())
    check(isinstance(bad, factpulse.exceptions.UnauthorizedException), "a bad token: 401")

    # The package checks a SIRET itself, so a wrong one has to get past it.
    request = factpulse.ClientCreateRequest.model_construct(name="A", siret="123")
    invalid = error_of(lambda: account.create_client_api_v1_clients_post(request))
    check(isinstance(invalid, factpulse.exceptions.UnprocessableEntityException), "a wrong SIRET: 422")
    problem = factpulse.HTTPValidationError.from_json(invalid.body).detail[0]
    check([place.actual_instance for place in problem.loc] == ["body", "siret"], "422 names the member")
    check(set(problem.to_dict()) == {"loc", "msg", "type"}, "422 quotes nothing that was sent")

    sandbox("DELETE", f"clients/{uid}")
    gone = error_of(lambda: getattr(client, get)(uid))
    check(isinstance(gone, factpulse.exceptions.NotFoundException), "a client that is gone: 404")
    check(isinstance(parse_api_error(json.loads(gone.body), 404), FactPulseNotFoundError), "by name")


def the_helper():
    """Its GETs and POSTs; it has no other methods."""
    account = FactPulseClient(EMAIL, PASSWORD, "", api_url=URL)
    created = account.post("clients", name="Petit", siret="50123456100014")
    uid = created["uid"]
    check(created["name"] == "Petit" and created["isActive"] is True, "helper: create")
    listed = account.get("clients", page=1, pageSize=100)
    check(uid in [client["uid"] for client in listed["results"]], "helper: list")

    client = FactPulseClient(EMAIL, PASSWORD, uid, api_url=URL)
    check(client.get(f"clients/{uid}") == created, "helper: get")
    check(client.clients[uid].desactiver()["isActive"] is False, "helper: deactivate")
    check(client.clients[uid].activer()["isActive"] is True, "helper: activate")
    check(client.get(f"clients/{uid}/pdp-config")["isConfigured"] is False, "helper: PDP configuration")
    sandbox("PATCH", f"clients/{uid}", {"pdp": {"key": OLD}})
    rotated = client.post(f"clients/{uid}/rotate-encryption-key", oldKey=OLD, newKey=NEW)
    check((rotated["success"], rotated["rotatedCount"]) == (True, 1), "helper: rotate")
    secret = client.clients[uid].webhook_secret.generate()
    status = client.get(f"clients/{uid}/webhook-secret/status")
    check(status == {"hasSecret": True, "createdAt": secret["createdAt"]}, "helper: webhook secret")

    for call, code, words in [
        (lambda: client.get("clients"), 403, "account-level"),
        (lambda: account.get(f"clients/{uid}"), 403, "client-level"),
        (lambda: client.post(f"clients/{uid}/rotate-encryption-key", oldKey="x", newKey=NEW), 422, "oldKey"),
        (lambda: account.post("clients", name="A", siret="1"), 422, "siret"),
        (lambda: FactPulseClient(EMAIL, "wrong", "", api_url=URL).get("clients"), 401, "Authentication failed"),
        (lambda: FactPulseClient(EMAIL, PASSWORD, str(uuid.uuid4()), api_url=URL).get("me"), 404, "Authentication"),
    ]:
        try:
            call()
            raise SystemExit(f"FAILED: no {code}")
        except FactPulseError as error:
            check(error.status_code == code and words in str(error), f"helper: {code} {words}")

    sandbox("POST", "expire-tokens", {})
    check(client.get(f"clients/{uid}")["uid"] == uid, "helper: logs in again")


def the_helper_creates_four_clients():
    """Why our client never repeats a create: a 502 may come after the effect, and the helper tries four times."""
    sandbox("PUT", "faults", {"faults": [{"kind": "statusAfter", "operation": "createClient", "status": 502}]})
    try:
        FactPulseClient(EMAIL, PASSWORD, "", api_url=URL).post("clients", name="Martin", siret="73282932000074")
        raise SystemExit("FAILED: the helper saw no error")
    except FactPulseError:
        pass
    ledger = sandbox("GET", "ledger")
    check(ledger["clientsBySiret"]["73282932000074"] == 4, "the helper made four clients of one")


ACCOUNT, CREATED = clients_of_the_account()
CLIENT = life_of_a_client(ACCOUNT, CREATED)
pdp_and_keys(CLIENT, CREATED.uid)
webhook_secret(CLIENT, CREATED.uid)
refusals(ACCOUNT, CLIENT, CREATED.uid)
the_helper()
the_helper_creates_four_clients()
print("all done")
