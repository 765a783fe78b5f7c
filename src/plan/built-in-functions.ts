/**
 * PostgreSQL's own functions, as far as it matters where and how often they are evaluated. From pg_proc of PostgreSQL 18;
 * a name with several functions has the most careful class of them. What is listed nowhere is immutable or stable, reads
 * nothing but its arguments and settings that follow the session, and may run anywhere.
 */

function nameSet(list: string): ReadonlySet<string> {
  return new Set(list.trim().split(/\s+/));
}

/** As often as PostgreSQL would, at one place; but no harm done. statement_timestamp() is another moment on each node. */
export const volatileFunctions = nameSet(`
  random random_normal clock_timestamp timeofday statement_timestamp gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle
  pg_sleep pg_sleep_for pg_sleep_until setseed
`);

/** Sequences live on the catalog node. */
export const sequenceFunctions = nameSet("nextval currval setval lastval");

/** Change something: another client sees it, or the session does. */
export const writingFunctions = nameSet(`
  nextval setval set_config pg_notify pg_logical_emit_message pg_switch_wal pg_reload_conf pg_rotate_logfile
  pg_cancel_backend pg_terminate_backend pg_export_snapshot pg_import_system_collations
`);

/** Run a query that is given as text: it cannot be planned. crosstab, connectby, dblink, xpath_table come with extensions. */
export const textQueryFunctions = nameSet(`
  query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema
  table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema
  database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat
  crosstab crosstab2 crosstab3 crosstab4 crosstab_hash connectby xpath_table dblink dblink_exec dblink_open dblink_fetch
  dblink_send_query
`);

/** Answer for the process, connection or transaction that happens to evaluate them. */
export const connectionFunctions = nameSet(`
  pg_backend_pid inet_client_addr inet_client_port inet_server_addr inet_server_port pg_my_temp_schema pg_is_other_temp_schema
  txid_current txid_current_if_assigned txid_current_snapshot txid_status pg_current_xact_id pg_current_xact_id_if_assigned
  pg_current_snapshot pg_xact_status pg_export_snapshot pg_postmaster_start_time pg_conf_load_time current_query
  pg_listening_channels pg_blocking_pids pg_safe_snapshot_blocking_pids pg_is_in_recovery pg_current_wal_lsn
  pg_current_wal_insert_lsn pg_current_wal_flush_lsn pg_last_wal_replay_lsn pg_last_wal_receive_lsn
  pg_column_compression pg_column_toast_chunk_id
`);

/** Sizes and statistics: the catalog node's own would be those of empty shells. */
const shellStatisticsFunctions = nameSet(`
  pg_relation_size pg_table_size pg_indexes_size pg_total_relation_size pg_database_size pg_tablespace_size
  pg_relation_filenode pg_relation_filepath pg_filenode_relation pg_lock_status pg_prepared_statement pg_cursor pg_prepared_xact
`);
const shellStatisticsPattern = /^pg_stat_(?:get|have)_/;

export function isShellStatistics(name: string): boolean {
  return shellStatisticsFunctions.has(name) || shellStatisticsPattern.test(name);
}

/** Functions of the pg_… family that look at nothing but their arguments or settings. */
const anywhere = nameSet(`
  pg_typeof pg_column_size pg_input_is_valid pg_input_error_info pg_size_pretty pg_size_bytes pg_client_encoding
  pg_char_to_encoding pg_encoding_to_char pg_encoding_max_length pg_sleep pg_sleep_for pg_sleep_until pg_trigger_depth
  pg_lsn pg_split_walfile_name pg_wal_lsn_diff pg_snapshot_xmin pg_snapshot_xmax pg_snapshot_xip pg_visible_in_snapshot
  pg_timezone_names pg_collation_for
`);
const catalogNames = nameSet(`
  obj_description col_description shobj_description format_type aclexplode acldefault makeaclitem row_security_active
  current_schemas oidvectortypes getdatabaseencoding
`);
const catalogPattern = /^(?:pg_|has_|to_reg|reg|information_schema|lo_|binary_upgrade_|lowrite$|loread$)/;

/** Do they look into the catalogs (or are they unknown members of the pg_… family)? Then only the catalog node may evaluate them. */
export function readsCatalogs(name: string): boolean {
  if (sequenceFunctions.has(name) || catalogNames.has(name)) return true;
  return catalogPattern.test(name) && !anywhere.has(name) && !/^regexp_|^regr_/.test(name);
}

export const aggregates = nameSet(`
  any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp cume_dist dense_rank every
  json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict
  jsonb_agg jsonb_agg_strict jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
  max min mode percent_rank percentile_cont percentile_disc range_agg range_intersect_agg rank regr_avgx regr_avgy regr_count
  regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp
  variance xmlagg
`);

export const setReturningFunctions = nameSet(`
  aclexplode generate_series generate_subscripts json_array_elements json_array_elements_text json_each json_each_text
  json_object_keys json_populate_recordset json_to_recordset jsonb_array_elements jsonb_array_elements_text jsonb_each
  jsonb_each_text jsonb_object_keys jsonb_path_query jsonb_path_query_tz jsonb_populate_recordset jsonb_to_recordset
  pg_options_to_table regexp_matches regexp_split_to_table string_to_table ts_debug ts_parse ts_stat ts_token_type unnest
  pg_snapshot_xip txid_snapshot_xip
`);

/** What starts the client's transaction: one value on all nodes. */
export const transactionTimeFunctions = nameSet("now transaction_timestamp");
