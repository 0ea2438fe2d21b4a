"""Constants of the kernel's nf_tables interface, under the kernel's names. Only those that ringfence uses are listed.

Source: `<linux/netfilter/nf_tables.h>`, in its order. A comment names the header of constants from other headers.
"""

from typing import Final

# <linux/netfilter/nfnetlink.h>: the multicast group, and the messages that begin and end a transaction

NFNLGRP_NFTABLES: Final = 7
"""The multicast group to which the kernel sends messages after every transaction."""

NFNL_MSG_BATCH_BEGIN: Final = 16
NFNL_MSG_BATCH_END: Final = 17

NFNL_BATCH_GENID: Final = 1
"""The generation for which a transaction was made. The kernel refuses the transaction in a later generation."""

# <linux/netfilter.h>: families, hooks and verdicts

NFPROTO_INET: Final = 1
"""The family of tables for both IPv4 and IPv6."""

NFPROTO_BRIDGE: Final = 7

NF_INET_PRE_ROUTING: Final = 0
NF_INET_LOCAL_IN: Final = 1
NF_INET_FORWARD: Final = 2
NF_DROP: Final = 0
NF_ACCEPT: Final = 1

# enum nft_registers: NFT_REG_* are 16 bytes each; NFT_REG32_* address the same memory in words of four bytes

NFT_REG_VERDICT: Final = 0
NFT_REG_1: Final = 1
NFT_REG_2: Final = 2
NFT_REG_3: Final = 3
NFT_REG_4: Final = 4
NFT_REG_SIZE: Final = 16
NFT_REG32_00: Final = 8
NFT_REG32_01: Final = 9
NFT_REG32_09: Final = 17
NFT_REG32_SIZE: Final = 4

# enum nft_verdicts

NFT_JUMP: Final = -3
NFT_GOTO: Final = -4
NFT_RETURN: Final = -5

# enum nf_tables_msg_types

NFT_MSG_NEWTABLE: Final = 0
NFT_MSG_GETTABLE: Final = 1
NFT_MSG_DELTABLE: Final = 2
NFT_MSG_NEWCHAIN: Final = 3
NFT_MSG_GETCHAIN: Final = 4
NFT_MSG_DELCHAIN: Final = 5
NFT_MSG_NEWRULE: Final = 6
NFT_MSG_GETRULE: Final = 7
NFT_MSG_DELRULE: Final = 8
NFT_MSG_NEWSET: Final = 9
NFT_MSG_GETSET: Final = 10
NFT_MSG_NEWSETELEM: Final = 12
NFT_MSG_DELSET: Final = 11
NFT_MSG_GETSETELEM: Final = 13
NFT_MSG_DELSETELEM: Final = 14
NFT_MSG_NEWGEN: Final = 15
NFT_MSG_GETGEN: Final = 16
NFT_MSG_GETOBJ: Final = 19
NFT_MSG_GETFLOWTABLE: Final = 23

# enum nft_list_attributes: every member of a list has this type

NFTA_LIST_ELEM: Final = 1

# enum nft_hook_attributes

NFTA_HOOK_HOOKNUM: Final = 1
NFTA_HOOK_PRIORITY: Final = 2

# enum nft_table_attributes

NFTA_TABLE_NAME: Final = 1
NFTA_TABLE_FLAGS: Final = 2

# enum nft_table_flags

NFT_TABLE_F_DORMANT: Final = 0x1

# enum nft_chain_attributes

NFTA_CHAIN_TABLE: Final = 1
NFTA_CHAIN_HANDLE: Final = 2
NFTA_CHAIN_NAME: Final = 3
NFTA_CHAIN_HOOK: Final = 4
NFTA_CHAIN_POLICY: Final = 5
NFTA_CHAIN_TYPE: Final = 7

# enum nft_object_attributes, nft_flowtable_attributes

NFTA_OBJ_TABLE: Final = 1
NFTA_OBJ_NAME: Final = 2
NFTA_FLOWTABLE_TABLE: Final = 1
NFTA_FLOWTABLE_NAME: Final = 2

# enum nft_rule_attributes

NFTA_RULE_TABLE: Final = 1
NFTA_RULE_CHAIN: Final = 2
NFTA_RULE_EXPRESSIONS: Final = 4

# enum nft_set_flags

NFT_SET_ANONYMOUS: Final = 0x1
NFT_SET_INTERVAL: Final = 0x4
NFT_SET_MAP: Final = 0x8
NFT_SET_EXPR: Final = 0x100

# enum nft_set_desc_attributes

NFTA_SET_DESC_SIZE: Final = 1
NFTA_SET_DESC_CONCAT: Final = 2

# enum nft_set_attributes

NFTA_SET_TABLE: Final = 1
NFTA_SET_NAME: Final = 2
NFTA_SET_FLAGS: Final = 3
NFTA_SET_KEY_TYPE: Final = 4
NFTA_SET_KEY_LEN: Final = 5
NFTA_SET_DATA_TYPE: Final = 6
NFTA_SET_DATA_LEN: Final = 7
NFTA_SET_DESC: Final = 9
NFTA_SET_ID: Final = 10
NFTA_SET_TIMEOUT: Final = 11
NFTA_SET_USERDATA: Final = 13
NFTA_SET_OBJ_TYPE: Final = 15
NFTA_SET_EXPR: Final = 17
NFTA_SET_EXPRESSIONS: Final = 18

NFT_DATA_VERDICT: Final = 0xFFFFFF00
"""The data type of a verdict map."""

# enum nft_set_elem_flags, nft_set_elem_attributes

NFT_SET_ELEM_INTERVAL_END: Final = 0x1
"""The flag of an element that ends a range. Its key is the first key after the range."""

NFTA_SET_ELEM_KEY: Final = 1
NFTA_SET_ELEM_DATA: Final = 2
NFTA_SET_ELEM_FLAGS: Final = 3
NFTA_SET_ELEM_USERDATA: Final = 6
NFTA_SET_ELEM_EXPR: Final = 7

# enum nft_set_elem_list_attributes

NFTA_SET_ELEM_LIST_TABLE: Final = 1
NFTA_SET_ELEM_LIST_SET: Final = 2
NFTA_SET_ELEM_LIST_ELEMENTS: Final = 3

# enum nft_data_attributes, nft_verdict_attributes

NFTA_DATA_VALUE: Final = 1
NFTA_DATA_VERDICT: Final = 2
NFTA_VERDICT_CODE: Final = 1
NFTA_VERDICT_CHAIN: Final = 2

# enum nft_expr_attributes

NFTA_EXPR_NAME: Final = 1
NFTA_EXPR_DATA: Final = 2

# `immediate`

NFTA_IMMEDIATE_DREG: Final = 1
NFTA_IMMEDIATE_DATA: Final = 2

# `bitwise`

NFTA_BITWISE_SREG: Final = 1
NFTA_BITWISE_DREG: Final = 2
NFTA_BITWISE_LEN: Final = 3
NFTA_BITWISE_MASK: Final = 4
NFTA_BITWISE_XOR: Final = 5
NFTA_BITWISE_OP: Final = 6

# `cmp`

NFT_CMP_EQ: Final = 0
NFT_CMP_NEQ: Final = 1
NFT_CMP_LTE: Final = 3
NFT_CMP_GTE: Final = 5
NFTA_CMP_SREG: Final = 1
NFTA_CMP_OP: Final = 2
NFTA_CMP_DATA: Final = 3

# `lookup`

NFT_LOOKUP_F_INV: Final = 0x1
"""The lookup matches if the key is absent."""

NFTA_LOOKUP_SET: Final = 1
NFTA_LOOKUP_SREG: Final = 2
NFTA_LOOKUP_DREG: Final = 3
NFTA_LOOKUP_FLAGS: Final = 5

# `payload`

NFT_PAYLOAD_LL_HEADER: Final = 0
NFT_PAYLOAD_NETWORK_HEADER: Final = 1
NFT_PAYLOAD_TRANSPORT_HEADER: Final = 2
NFTA_PAYLOAD_DREG: Final = 1
NFTA_PAYLOAD_BASE: Final = 2
NFTA_PAYLOAD_OFFSET: Final = 3
NFTA_PAYLOAD_LEN: Final = 4

# `meta`

NFT_META_IIF: Final = 4
NFT_META_OIF: Final = 5
NFT_META_IIFTYPE: Final = 8
NFT_META_NFPROTO: Final = 15
NFT_META_L4PROTO: Final = 16
NFT_META_IIFKIND: Final = 26
NFT_META_OIFKIND: Final = 27
NFTA_META_DREG: Final = 1
NFTA_META_KEY: Final = 2

# `ct`

NFT_CT_STATE: Final = 0
NFT_CT_ZONE: Final = 17
NFT_CT_ID: Final = 23
NFTA_CT_DREG: Final = 1
NFTA_CT_KEY: Final = 2
NFTA_CT_SREG: Final = 4

# `limit`

NFT_LIMIT_PKTS: Final = 0
NFTA_LIMIT_RATE: Final = 1
NFTA_LIMIT_UNIT: Final = 2
NFTA_LIMIT_BURST: Final = 3
NFTA_LIMIT_TYPE: Final = 4
NFTA_LIMIT_FLAGS: Final = 5

# `counter`

NFTA_COUNTER_BYTES: Final = 1
NFTA_COUNTER_PACKETS: Final = 2

# `log`

NFTA_LOG_GROUP: Final = 1
NFTA_LOG_PREFIX: Final = 2
NFTA_LOG_SNAPLEN: Final = 3

# enum nft_gen_attributes

NFTA_GEN_ID: Final = 1
NFTA_GEN_PROC_PID: Final = 2
NFTA_GEN_PROC_NAME: Final = 3

# `fib`

NFT_FIB_RESULT_OIF: Final = 1
NFT_FIB_RESULT_ADDRTYPE: Final = 3
NFTA_FIB_DREG: Final = 1
NFTA_FIB_RESULT: Final = 2
NFTA_FIB_FLAGS: Final = 3
NFTA_FIB_F_SADDR: Final = 0x1
NFTA_FIB_F_DADDR: Final = 0x2
NFTA_FIB_F_IIF: Final = 0x8
