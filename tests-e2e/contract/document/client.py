"""What a user of a Python client does first: lists SIMs, reads the overview, changes a label, meets an error.

usage: client.py GATEWAY_URL; SIMWARD_API_KEY holds a key. The package `simward_client` is what the generator made.
"""

import importlib
import os
import pkgutil
import sys

from simward_client import AuthenticatedClient, api
from simward_client.models import Failure, UpdateSimBody

LABEL = "named by a Python client"


def operation(name):
    """The module of an operation, whatever its tag is called."""
    for folder in pkgutil.iter_modules(api.__path__, f"{api.__name__}."):
        package = importlib.import_module(folder.name)
        if name in (module.name for module in pkgutil.iter_modules(package.__path__)):
            return importlib.import_module(f"{folder.name}.{name}")
    raise SystemExit(f"the client has no operation {name}")


def main():
    key = os.environ["SIMWARD_API_KEY"]
    client = AuthenticatedClient(
        base_url=sys.argv[1], token=key, prefix="", auth_header_name="X-API-Key", raise_on_unexpected_status=True
    )
    sims = operation("list_sims").sync(client=client, page_size=5)
    assert len(sims.data) == 5, sims
    first = sims.data[0]
    alone = operation("get_sim").sync(first.iccid, client=client).data
    assert type(alone) is type(first), "a SIM in a list and a SIM alone are of two types"

    overview = operation("get_fleet_overview").sync(client=client).data
    assert overview.sims.total == sims.pagination.total > 0, overview.sims
    for quota in (overview.data_quota, overview.sms_quota):
        counts = (quota.sufficient, quota.low, quota.exhausted, quota.unknown, quota.not_told)
        assert sum(counts) == overview.sims.total, quota

    answer = operation("update_sim").sync(first.iccid, client=client, body=UpdateSimBody(label=LABEL))
    assert answer.data.label == LABEL, answer
    assert operation("get_sim").sync(first.iccid, client=client).data.label == LABEL

    failure = operation("get_sim").sync("8988999000000999999", client=client)
    assert isinstance(failure, Failure) and failure.error.code == "NOT_FOUND", failure
    print(f"    Python: {sims.pagination.total} SIMs, {overview.data_quota.sufficient} with enough data, one renamed")


if __name__ == "__main__":
    main()
