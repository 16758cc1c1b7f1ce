/* Every function that the addon exports to JavaScript; the comment on each is at its definition. */
#ifndef TETHER_CALLS_H
#define TETHER_CALLS_H

#include <node_api.h>

napi_value call_mount(napi_env env, napi_callback_info info);
napi_value call_unmount(napi_env env, napi_callback_info info);
napi_value call_mount_aside(napi_env env, napi_callback_info info);
napi_value call_unmount_aside(napi_env env, napi_callback_info info);
napi_value call_attach_mount(napi_env env, napi_callback_info info);
napi_value call_detach_mount(napi_env env, napi_callback_info info);
napi_value call_load_module(napi_env env, napi_callback_info info);
napi_value call_set_hostname(napi_env env, napi_callback_info info);
napi_value call_set_domainname(napi_env env, napi_callback_info info);
napi_value call_sync(napi_env env, napi_callback_info info);
napi_value call_reboot(napi_env env, napi_callback_info info);
napi_value call_set_interface_up(napi_env env, napi_callback_info info);
napi_value call_netlink(napi_env env, napi_callback_info info);
napi_value call_spawn(napi_env env, napi_callback_info info);
napi_value call_kill(napi_env env, napi_callback_info info);
napi_value call_pipe(napi_env env, napi_callback_info info);
napi_value call_memory_file(napi_env env, napi_callback_info info);
napi_value call_change_owner(napi_env env, napi_callback_info info);
napi_value call_open_in_root(napi_env env, napi_callback_info info);
napi_value call_set_window_size(napi_env env, napi_callback_info info);
napi_value call_set_raw_mode(napi_env env, napi_callback_info info);
napi_value call_set_non_blocking(napi_env env, napi_callback_info info);
napi_value call_create_mount_namespace(napi_env env, napi_callback_info info);
napi_value call_bridge_device(napi_env env, napi_callback_info info);
napi_value call_watch_uevents(napi_env env, napi_callback_info info);
napi_value call_watch_network(napi_env env, napi_callback_info info);
napi_value call_close_bridge(napi_env env, napi_callback_info info);
napi_value call_read_fw_cfg(napi_env env, napi_callback_info info);
napi_value call_probe_backdoor(napi_env env, napi_callback_info info);
napi_value call_rpci(napi_env env, napi_callback_info info);
napi_value call_rpci_aside(napi_env env, napi_callback_info info);
napi_value call_seed_random(napi_env env, napi_callback_info info);
napi_value call_set_clock(napi_env env, napi_callback_info info);
napi_value call_attach_device_program(napi_env env, napi_callback_info info);
napi_value call_replace_process(napi_env env, napi_callback_info info);
napi_value call_list_attributes(napi_env env, napi_callback_info info);
napi_value call_get_attribute(napi_env env, napi_callback_info info);
napi_value call_set_attribute(napi_env env, napi_callback_info info);
napi_value call_make_node(napi_env env, napi_callback_info info);
napi_value call_set_times(napi_env env, napi_callback_info info);
napi_value call_seek_data(napi_env env, napi_callback_info info);
napi_value call_seek_hole(napi_env env, napi_callback_info info);
napi_value call_trim_memory(napi_env env, napi_callback_info info);
napi_value call_external_text(napi_env env, napi_callback_info info);
napi_value call_make_packet_cipher(napi_env env, napi_callback_info info);
napi_value call_seal_packet(napi_env env, napi_callback_info info);
napi_value call_open_packet(napi_env env, napi_callback_info info);
napi_value call_make_ring(napi_env env, napi_callback_info info);
napi_value call_open_ring(napi_env env, napi_callback_info info);
napi_value call_ring_state(napi_env env, napi_callback_info info);
napi_value call_read_ring(napi_env env, napi_callback_info info);
napi_value call_release_ring(napi_env env, napi_callback_info info);
napi_value call_limit_ring(napi_env env, napi_callback_info info);
napi_value call_catch_up_ring(napi_env env, napi_callback_info info);
napi_value call_end_ring(napi_env env, napi_callback_info info);
napi_value call_close_ring(napi_env env, napi_callback_info info);
napi_value call_make_input(napi_env env, napi_callback_info info);
napi_value call_open_input(napi_env env, napi_callback_info info);
napi_value call_input_written(napi_env env, napi_callback_info info);
napi_value call_write_input(napi_env env, napi_callback_info info);
napi_value call_close_input(napi_env env, napi_callback_info info);
napi_value call_make_crash_record(napi_env env, napi_callback_info info);
napi_value call_read_crash_record(napi_env env, napi_callback_info info);
napi_value call_install_crash_handler(napi_env env, napi_callback_info info);
napi_value call_restart(napi_env env, napi_callback_info info);
napi_value call_upgrade(napi_env env, napi_callback_info info);
napi_value call_settle_upgrade(napi_env env, napi_callback_info info);
napi_value call_enter_section(napi_env env, napi_callback_info info);
napi_value call_leave_section(napi_env env, napi_callback_info info);
napi_value call_keep_descriptor(napi_env env, napi_callback_info info);
napi_value call_close_on_exec(napi_env env, napi_callback_info info);
napi_value call_watch_children(napi_env env, napi_callback_info info);
napi_value call_close_child_watch(napi_env env, napi_callback_info info);
napi_value call_expect_child(napi_env env, napi_callback_info info);
napi_value call_peek_child(napi_env env, napi_callback_info info);
napi_value call_reap_child(napi_env env, napi_callback_info info);
napi_value call_read_files(napi_env env, napi_callback_info info);
napi_value call_open_recorder(napi_env env, napi_callback_info info);
napi_value call_read_recorder(napi_env env, napi_callback_info info);
napi_value call_close_recorder(napi_env env, napi_callback_info info);

#endif
