"""The constants of the nf_tables interface equal those of the kernel's headers."""

from tests.kernel_headers import kernel_constants, values_in_headers

from ringfence.dataplane.nftables import constants


def test_numbers_are_those_of_the_headers() -> None:
    found = kernel_constants(constants)
    assert values_in_headers(tuple(found)) == found
