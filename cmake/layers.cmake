# SPDX-License-Identifier: AGPL-3.0-only
# The architecture as a table: every module in build order, and what it may use.
# wb_module() stops the build when a module uses something that its row does not allow.
# A module's target is wb_<last part of its folder>.

set(WB_MODULES)
macro(wb_layer folder)
    list(APPEND WB_MODULES ${folder})
    set(WB_MAY_USE_${folder} ${ARGN})
endmacro()

# Portable core, for boards and hosts. Siblings do not know one another; the agent composes them.
wb_layer(core/base)
wb_layer(core/cbor base)
wb_layer(core/crypto base)
wb_layer(core/cose base cbor crypto)
wb_layer(core/tls base cbor crypto)
wb_layer(core/wasm base)
wb_layer(core/link base)
wb_layer(core/protocol base cbor)
wb_layer(core/store base)
wb_layer(core/xrce base)
wb_layer(core/agent base cbor crypto cose tls wasm link protocol store)

# Boards: each is the agent's HAL.
wb_layer(boards/common base cbor crypto cose tls wasm link protocol store agent)
wb_layer(boards/posix base cbor crypto cose tls wasm link protocol store agent common)
wb_layer(boards/hifive1 base cbor crypto cose tls wasm link protocol store agent common)
wb_layer(boards/cortex-m base cbor crypto cose tls wasm link protocol store agent common)

# Host services. Programs do not use each other: they meet in host/api and on the wire.
wb_layer(host/net base crypto tls)
wb_layer(host/libcrypto base crypto tls)
wb_layer(host/api base)
wb_layer(host/kube base net api)
wb_layer(host/pki base cbor crypto cose tls libcrypto)
wb_layer(host/apiserver base net api)
wb_layer(host/controller base crypto net api kube)
wb_layer(host/gateway base cbor crypto tls libcrypto protocol net api kube pki)
wb_layer(host/launcher base link common)
wb_layer(host/cli base cbor crypto cose tls wasm link protocol store agent common posix net libcrypto api kube
         pki apiserver controller gateway launcher)
wb_layer(fuzz base cbor crypto cose tls wasm link protocol store xrce agent net api kube apiserver gateway)
wb_layer(tests/interop) # scripts around the wasmbed command
wb_layer(tests/wasm base wasm)
