import pytest

pytest.register_assert_rewrite("tests.contract.broker.broker_contract")
