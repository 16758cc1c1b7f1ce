#include "calls.h"

static const napi_property_descriptor FUNCTIONS[] = {
#define FUNCTION(name, call) {name, NULL, call, NULL, NULL, NULL, napi_enumerable, NULL}
    FUNCTION("mount", call_mount),
    FUNCTION("unmount", call_unmount),
    FUNCTION("loadModule", call_load_module),
    FUNCTION("setHostname", call_set_hostname),
    FUNCTION("setDomainname", call_set_domainname),
    FUNCTION("sync", call_sync),
    FUNCTION("reboot", call_reboot),
    FUNCTION("setInterfaceUp", call_set_interface_up),
    FUNCTION("waitAny", call_wait_any),
    FUNCTION("spawn", call_spawn),
    FUNCTION("kill", call_kill),
    FUNCTION("pipe", call_pipe),
    FUNCTION("memoryFile", call_memory_file),
    FUNCTION("changeOwner", call_change_owner),
    FUNCTION("openInRoot", call_open_in_root),
    FUNCTION("setWindowSize", call_set_window_size),
    FUNCTION("setRawMode", call_set_raw_mode),
    FUNCTION("setNonBlocking", call_set_non_blocking),
    FUNCTION("createMountNamespace", call_create_mount_namespace),
    FUNCTION("bridgeDevice", call_bridge_device),
    FUNCTION("watchUevents", call_watch_uevents),
    FUNCTION("closeBridge", call_close_bridge),
    FUNCTION("readFwCfg", call_read_fw_cfg),
    FUNCTION("seedRandom", call_seed_random),
    FUNCTION("setClock", call_set_clock),
    FUNCTION("attachDeviceProgram", call_attach_device_program),
    FUNCTION("replaceProcess", call_replace_process),
    FUNCTION("listAttributes", call_list_attributes),
    FUNCTION("getAttribute", call_get_attribute),
    FUNCTION("setAttribute", call_set_attribute),
    FUNCTION("makeNode", call_make_node),
    FUNCTION("setTimes", call_set_times),
    FUNCTION("seekData", call_seek_data),
    FUNCTION("seekHole", call_seek_hole),
#undef FUNCTION
};

/** The addon's entry point: fills `exports` with the functions of `NativeBinding`. */
NAPI_MODULE_INIT() {
  napi_define_properties(env, exports, sizeof FUNCTIONS / sizeof FUNCTIONS[0], FUNCTIONS);
  return exports;
}
