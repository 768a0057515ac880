# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kvtool_global_optspecs
    string join \n h/help V/version
end

function __fish_kvtool_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kvtool_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kvtool_using_subcommand
    set -l cmd (__fish_kvtool_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kvtool -n "__fish_kvtool_needs_command" -s h -l help -d 'Print help'
complete -c kvtool -n "__fish_kvtool_needs_command" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "serve" -d 'Serve a keyspace to etcd clients'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "status" -d 'Show version, size, leader, revision and alarms of each endpoint'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "dump" -d 'Print the keys and values under a prefix, all as of one revision'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "compact" -d 'Give up revisions that nobody needs any more'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "inspect-keyspace" -d 'Show which prefixes hold how many keys and bytes, and which keys are the largest'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "instance" -d 'Show, make, delete and bound the keyspaces that a server keeps for others'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "member" -d 'Show and change the members of the cluster'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "move-leader" -d 'Let another member lead'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "force-new-cluster" -d 'Make the only member that is left a cluster of one'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "snapshot" -d 'Save a keyspace to a file, look at one, or restore it'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "bench" -d 'Measure a server: throughput, latency, watch delay; alone or in turns with others'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l name -d 'Name of this member; each server of an instance on FoundationDB has its own [default: default]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l data-dir -d 'Directory the data lives in [default: ./kvtool.data]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l store -d 'Home of the data: the directories of a group of servers, of one until others are added; a directory of this machine; a FoundationDB cluster; or this process\'s memory [default: raft]' -r -f -a "raft\t''
local\t''
fdb\t''
memory\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l instance -d 'Keyspace to serve: one store holds many that cannot see each other [default: default]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l instance-from -d 'Each connection works in the keyspace that its certificate names: client-cert (by its common name), client-cert:san-dns or client-cert:san-uri [default: all in that of --instance]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l instances-max -d 'Keyspaces open at a time with --instance-from [default: 64]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l instances-size -d 'Bytes that such a keyspace may take, such as 2GiB, unless `kvtool instance` says otherwise [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l instances-requests -d 'Requests of each of them that are admitted in a second [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l instances-write-bytes -d 'Bytes of writes of each of them that are admitted in a second, such as 4MiB [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l listen-client-urls -d 'URLs to listen on for clients, with commas between [default: http://127.0.0.1:2379]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l listen-client-http-urls -d 'URLs for plain HTTP; the client URLs then serve gRPC alone [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l listen-metrics-urls -d 'URLs that serve /metrics and /health alone, with commas between [default: none; the client URLs serve both]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l listen-control-urls -d 'URLs for `kvtool instance`: unix://PATH, or http:// on a loopback address; whoever reaches them may delete keyspaces [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l enable-grpc-gateway -d 'Serve etcd\'s API as JSON, too, where plain HTTP is served [default: true]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l cors -d 'Origins of web pages that may use what is served over HTTP, with commas between; * is all [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l host-whitelist -d 'Hosts that HTTP requests without TLS may name, with commas between; * is all [default: *]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l advertise-client-urls -d 'URLs clients are told to connect to [default: those listened on]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l forward-writes -d 'Send writes to the server that leads, where several serve one keyspace [default: true]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l grpc-keepalive-interval -d 'Time between pings on a silent connection; 0 is never [default: 2h]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l grpc-keepalive-timeout -d 'How long a ping may go unanswered before the connection is closed [default: 20s]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l cert-file -d 'Certificate of this server, PEM; needed for https' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l key-file -d 'Private key of the certificate, PEM' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l trusted-ca-file -d 'Authorities whose client certificates are accepted, PEM; clients must then show one' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l client-cert-auth -d 'Accept only clients with a certificate [default: true with --trusted-ca-file]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l client-crl-file -d 'Certificates that are no longer accepted of clients, PEM or DER' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l client-cert-allowed-hostname -d 'Hosts of which a client\'s certificate must name one, with commas between' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l auto-tls -d 'Serve https with a certificate of our own making, kept in the data directory [default: false]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l self-signed-cert-validity -d 'Years such a certificate is good for [default: 1]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l tls-min-version -d 'Oldest TLS spoken: TLS1.2 or TLS1.3 [default: TLS1.2]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l tls-max-version -d 'Newest TLS spoken [default: the newest]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l cipher-suites -d 'Ciphers of TLS 1.2, with commas between [default: all that are sound]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l auth-token -d 'What users get when they log in: simple, or jwt,sign-method=METHOD,priv-key=FILE,pub-key=FILE, ttl=DURATION [default: simple]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l auth-token-ttl -d 'Seconds a login with a simple token lives after its last use [default: 300]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l bcrypt-cost -d 'Doublings of the work that a hash of a password takes, 4 to 31 [default: 10]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l listen-peer-urls -d 'URLs to listen on for other members, with commas between; who is alone needs none' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l initial-advertise-peer-urls -d 'URLs other members are told to connect to [default: those listened on, else http://localhost:2380]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l initial-cluster -d 'Members of the group when it begins or is joined, this one too: NAME=URL,... [default: this one alone]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l initial-cluster-state -d 'Whether the members found the group, or this one joins it [default: new]' -r -f -a "new\t''
existing\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l initial-cluster-token -d 'Tells groups that began with the same members apart [default: etcd-cluster]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l heartbeat-interval -d 'Milliseconds between two signs of life of a leader [default: 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l election-timeout -d 'Milliseconds without one until others ask to be elected [default: 1000]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l set-member-localaddr -d 'Call other members from the first address of --initial-advertise-peer-urls that is no loopback [default: false]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l strict-reconfig-check -d 'Refuse changes of the members that may cost the group its quorum [default: true]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l max-learners -d 'Most members without a vote [default: 1]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l corrupt-check-time -d 'Time between two comparisons of all members\' keyspaces, which raise the alarm CORRUPT for one that differs; 0 is never. One server alone, and those of FoundationDB, have nothing to compare [default: 0s]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l compact-hash-check-enabled -d 'Compare them after compactions, too [default: false]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l compact-hash-check-time -d 'Time after which a compaction is looked for [default: 1m]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l initial-corrupt-check -d 'Do not serve with a keyspace that differs from those of the members that are there [default: false]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-cert-file -d 'Certificate of this server for other members, PEM; shown to them when it calls, too' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-key-file -d 'Private key of that certificate, PEM' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-client-cert-file -d 'Certificate to show when this server calls other members, PEM [default: that of --peer-cert-file]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-client-key-file -d 'Private key of that certificate, PEM' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-trusted-ca-file -d 'Authorities that sign the members\' certificates, PEM' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-auto-tls -d 'Speak https to other members with a certificate of our own making, kept in the data directory, and take any of theirs: hides what is said, but lets strangers in [default: false]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-client-cert-auth -d 'Accept only members with a certificate [default: true with --peer-trusted-ca-file]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-crl-file -d 'Certificates that are no longer accepted of members, PEM or DER' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-cert-allowed-cn -d 'Common names of members\' certificates, with commas between [default: any]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-cert-allowed-hostname -d 'Hosts of which a member\'s certificate must name one, with commas between [default: any]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l peer-skip-client-san-verification -d 'Take a member\'s certificate from any address, also where it names hosts [default: false]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l max-request-bytes -d 'Largest request, in bytes [default: 1572864]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l max-txn-ops -d 'Most compares, or operations of one branch, of a transaction [default: 128]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l quota-backend-bytes -d 'Most bytes that keys and their history may take, before writes that add to them are refused and an alarm is raised; 0 or less is no bound [default: 0]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l cache-bytes -d 'What may be kept in memory for reads, such as 64MiB: keys, and of a local disk also blocks, a quarter; 0 keeps no keys [default: 268435456]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l max-concurrent-streams -d 'Most calls open at a time on one connection [default: 4294967295]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l auto-compaction-mode -d 'What --auto-compaction-retention counts [default: periodic]' -r -f -a "periodic\t''
revision\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l auto-compaction-retention -d 'History to keep: a duration (or hours), or a number of revisions; 0 keeps all [default: 0]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l watch-progress-notify-interval -d 'Time between progress notices to idle watchers that want them [default: 10m]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l log-level -d 'Least important messages to log [default: info]' -r -f -a "debug\t''
info\t''
warn\t''
error\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l warning-unary-request-duration -d 'Tell of requests that take longer, a few in a second [default: 300ms]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l log-format -d 'Shape of the log [default: console]' -r -f -a "console\t''
json\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l log-outputs -d 'Where the log goes: stderr, stdout or files, with commas between [default: stderr]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l etcd-version -d 'etcd version reported to clients, who choose by it what they use [default: 3.7.1]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l config-file -d 'YAML file with settings; its keys are the flags' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l print-config -d 'Print the settings in effect, and where each comes from, as YAML; do not serve'
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand status" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l prefix -d 'Keys that begin with this text (default: all keys)' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l from -d 'First key' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l to -d 'First key that is not part of the dump any more' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l rev -d 'Read as of this revision (default: the current one)' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l limit -d 'Stop after so many keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l page-size -d 'Most keys in one request, for servers that cannot stream a range' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -s o -l output -l format -d 'Format of the records' -r -f -a "jsonl\t'One JSON record per line'
json\t'One JSON document'
yaml\t'One YAML document'
table\t'Columns, for people; long keys and values are cut'"
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l encoding -d 'How keys and values are written in jsonl, json and yaml' -r -f -a "auto\t'Text where it is UTF-8, else base64'
text\t'Text only: the first key or value that is no UTF-8 ends the command'
base64\t'Base64 always'
hex\t'Hexadecimal always'"
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l keys-only -d 'Leave the values out'
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand dump" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l revision -d 'Compact to this revision' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l keep-last -d 'Keep so many of the newest revisions' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l older-than -d 'Keep what is younger than this' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l state -d 'Notes of --older-than (default: one file per cluster in ~/.local/state/kvtool)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l no-wait -d 'Return when the compaction is accepted, before the old versions are deleted'
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l defrag -d 'Defragment every endpoint afterwards, one by one; a real etcd serves nothing meanwhile'
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l dry-run -d 'Say what would be compacted and change nothing'
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand compact" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l prefix -d 'Only keys that begin with this text (default: all keys)' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l depth -d 'Parts of the name behind the prefix that make a group' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l separator -d 'The character between parts' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l top -d 'Show so many of the largest keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l groups -d 'Show so many groups at most; the smaller ones become one row' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l sort -d 'Order of the groups' -r -f -a "bytes\t'Most bytes first'
keys\t'Most keys first'
writes\t'Most writes first: those watched with --growth, else those of the living keys'
versions\t'Most kept versions first, see --versions'
prefix\t'By name'"
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l growth -d 'Watch the range for so long and show what is written' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l store -d 'Home of the data: a directory of this machine, or a FoundationDB cluster [default: raft]' -r -f -a "raft\t''
local\t''
fdb\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l data-dir -d 'Directory the data lives in [default: ./kvtool.data]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l instance -d 'Show this instance only [default: all instances]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l versions -d 'Count the versions and deletions the server still keeps'
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l raw -d 'Read the store itself: what each subspace of an instance takes'
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l all-instances -d 'Show all instances, which is also the default'
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l count -d 'Count also where FoundationDB\'s estimate would do, which reads everything'
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and not __fish_seen_subcommand_from list create quota delete help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and not __fish_seen_subcommand_from list create quota delete help" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and not __fish_seen_subcommand_from list create quota delete help" -f -a "list" -d 'Show all of them'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and not __fish_seen_subcommand_from list create quota delete help" -f -a "create" -d 'Make one before its owner first calls'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and not __fish_seen_subcommand_from list create quota delete help" -f -a "quota" -d 'Show what one is allowed, and change it'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and not __fish_seen_subcommand_from list create quota delete help" -f -a "delete" -d 'Delete one with all that it holds; whoever works there begins anew with an empty one'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and not __fish_seen_subcommand_from list create quota delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from list" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from list" -l control-url -d 'Where the server listens for this: unix://PATH or http://127.0.0.1:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from list" -l command-timeout -d 'Longest wait for the answer' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from create" -l size -d 'Bytes that its keys, values and their history may take, such as 2GiB; none is no bound' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from create" -l requests -d 'Requests that one server admits in a second; none is no bound' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from create" -l write-bytes -d 'Bytes of writes that one server admits in a second, such as 4MiB; none is no bound' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from create" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from create" -l control-url -d 'Where the server listens for this: unix://PATH or http://127.0.0.1:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from create" -l command-timeout -d 'Longest wait for the answer' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from create" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from quota" -l size -d 'Bytes that its keys, values and their history may take, such as 2GiB; none is no bound' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from quota" -l requests -d 'Requests that one server admits in a second; none is no bound' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from quota" -l write-bytes -d 'Bytes of writes that one server admits in a second, such as 4MiB; none is no bound' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from quota" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from quota" -l control-url -d 'Where the server listens for this: unix://PATH or http://127.0.0.1:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from quota" -l command-timeout -d 'Longest wait for the answer' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from quota" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from quota" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from delete" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from delete" -l control-url -d 'Where the server listens for this: unix://PATH or http://127.0.0.1:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from delete" -l command-timeout -d 'Longest wait for the answer' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from delete" -l yes -d 'Do not ask'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from delete" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show all of them'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from help" -f -a "create" -d 'Make one before its owner first calls'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from help" -f -a "quota" -d 'Show what one is allowed, and change it'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete one with all that it holds; whoever works there begins anew with an empty one'
complete -c kvtool -n "__fish_kvtool_using_subcommand instance; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and not __fish_seen_subcommand_from list add remove update promote help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and not __fish_seen_subcommand_from list add remove update promote help" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and not __fish_seen_subcommand_from list add remove update promote help" -f -a "list" -d 'Show the members'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and not __fish_seen_subcommand_from list add remove update promote help" -f -a "add" -d 'Let one more server join; it is started afterwards'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and not __fish_seen_subcommand_from list add remove update promote help" -f -a "remove" -d 'Remove a member for good; its server ends'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and not __fish_seen_subcommand_from list add remove update promote help" -f -a "update" -d 'Tell the others where to reach a member from now on'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and not __fish_seen_subcommand_from list add remove update promote help" -f -a "promote" -d 'Give a learner that has caught up a vote'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and not __fish_seen_subcommand_from list add remove update promote help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l peer-urls -d 'Where the others will reach it' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l learner -d 'Without a vote, until it is promoted'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l peer-urls -d 'Its URLs, in the place of all it had' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from update" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from promote" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show the members'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from help" -f -a "add" -d 'Let one more server join; it is started afterwards'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove a member for good; its server ends'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from help" -f -a "update" -d 'Tell the others where to reach a member from now on'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from help" -f -a "promote" -d 'Give a learner that has caught up a vote'
complete -c kvtool -n "__fish_kvtool_using_subcommand member; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand move-leader" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand force-new-cluster" -l data-dir -d 'The directory of the member' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand force-new-cluster" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand force-new-cluster" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand force-new-cluster" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and not __fish_seen_subcommand_from save status restore help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and not __fish_seen_subcommand_from save status restore help" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and not __fish_seen_subcommand_from save status restore help" -f -a "save" -d 'Save the keyspace of a server to a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and not __fish_seen_subcommand_from save status restore help" -f -a "status" -d 'Say what is in a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and not __fish_seen_subcommand_from save status restore help" -f -a "restore" -d 'Make a keyspace out of a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and not __fish_seen_subcommand_from save status restore help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s h -l help -d 'Print help'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from status" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l bump-revision -d 'Add so much to the newest revision, so that no client remembers a newer one' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l store -d 'Home of the keyspace [default: raft]' -r -f -a "raft\t''
local\t''
fdb\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l data-dir -d 'Directory the data will live in [default: ./kvtool.data]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l instance -d 'Name of the keyspace in its store' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l name -d 'Name of the member whose directory is made [default: default]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-cluster -d 'Members of the new group, this one too: NAME=URL,... [default: whoever starts with the directory is a group of one]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-advertise-peer-urls -d 'URLs of this member in that list [default: http://localhost:2380]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l initial-cluster-token -d 'Tells groups that begin with the same members apart [default: etcd-cluster]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l skip-hash-check -d 'Take a file without a hash at its end, such as the database of an etcd that is not running'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l mark-compacted -d 'Compact all that was, so that clients read anew'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "save" -d 'Save the keyspace of a server to a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "status" -d 'Say what is in a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Make a keyspace out of a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand snapshot; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "put" -d 'Put values under keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "txn-put" -d 'Write as Kubernetes does: if the key is still at the revision known, put'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "get" -d 'Read single keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "range" -d 'List all keys of the key space in one request'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "page" -d 'Read a page of a large key space, with the count of all keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "watch" -d 'Measure how long until watchers have seen a put'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "catch-up" -d 'Measure how long watches take that begin in the past'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "mixed" -d 'Read and write single keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "lease" -d 'Grant leases, keep them alive once and revoke them'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "all" -d 'Run every row of the project\'s table of goals and say which goals are met'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "memory" -d 'Measure what keys, watchers, connections and leases take in a server\'s memory'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "noop-server" -d 'The empty server, as another process of this program starts it'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and not __fish_seen_subcommand_from put txn-put get range page watch catch-up mixed lease all memory noop-server help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from put" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l create-percent -d 'How many of 100 requests create a new key instead of updating one' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from txn-put" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l serializable -d 'Read what the asked member has, without asking the others'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from get" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l serializable -d 'Read what the asked member has, without asking the others'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l keys-only -d 'Leave the values out'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l count-only -d 'Ask only how many there are'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l stream -d 'Receive the list in pieces (etcd 3.7 and newer)'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from range" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l limit -d 'Keys on a page' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l walk -d 'Go on to the next page, at the revision of the first, instead of reading the first again'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from page" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l watchers -d 'Watchers in all' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l streams -d 'Streams they share' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l distinct -d 'Give every watcher a key of its own instead of the whole prefix'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l prev-kv -d 'Ask for the previous value with each event'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l apart -d 'Write to the first of --endpoints and watch at the others: how long an event takes from one server to another'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from watch" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l revisions -d 'How many revisions ago it begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from catch-up" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l reads-per-write -d 'Reads for every write, on average' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l serializable -d 'Read what the asked member has, without asking the others'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from mixed" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l ttl -d 'Time to live of the leases, in seconds' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l clients -d 'Clients; each sends its next request when the one before is answered' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l conns -d 'Connections the clients share [default: one for ten clients, at most 100]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l threads -d 'Threads of the load generator [default: as many as processors]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l rate -d 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l total -d 'Stop after this many requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l duration -d 'Stop after this time' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l warmup -d 'Time under load before the measuring begins' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l key-space -d 'Number of different keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l seed -d 'Seed of keys and values: the same seed makes the same requests' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l sequential -d 'Take the keys in order, not at random'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l prefill -d 'Write every key of the key space before the measuring'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from lease" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l only -d 'Run these rows only' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l duration -d 'Time of each run' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l keys -d 'Keys of the row that reads a page out of many' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l overwrites -d 'Overwrites before the row that lists overwritten keys' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l prefix -d 'What all keys start with; every row adds a name of its own' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l target -d 'Measure this instead of --endpoints' -r -f -a "noop\t'An empty server, started for the run: it answers at once and keeps nothing, which is the most any gRPC server can reach here'
bare\t'The same with the least that keeps keys and loses nothing: they are in a hash table, and what is written is in a log first (where the system keeps temporary files), synced together with all that waits'
fdb-per-put\t'FoundationDB itself, without a server (put and txn-put): each put is one transaction with a versionstamp, which reads the key and writes the records that a server would'
fdb-first-in-batch\t'The same, each transaction the first of its commit version, so that the version can be its revision'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l compare -d 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l rounds -d 'How often each server has its turn' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l rest -d 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fail-below -d 'Fail when the first server\'s throughput is less than this many times another\'s' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l pid -d 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l watch-pid -d 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-cluster-file -d 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-connection-string -d 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-client-library -d 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-external-client-dir -d 'Client libraries of other versions, used when the cluster is of theirs' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-tls-certificate-file -d 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-tls-key-file -d 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-tls-ca-file -d 'Authorities that sign the cluster\'s certificates, PEM [default: FDB_TLS_CA_FILE]' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-tls-verify-peers -d 'What the cluster\'s certificates must say, as FoundationDB\'s tools take it [default: FDB_TLS_VERIFY_PEERS]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-trace-dir -d 'Directory for the client library\'s traces [default: none are written]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-transaction-tag -d 'Tag of all transactions, for the cluster\'s quotas' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l fdb-priority -d 'Priority of all transactions; batch gives way to other work [default: default]' -r -f -a "default\t''
batch\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from all" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l keys -d 'Keys to write, and then to list; 0 leaves this and each of the following out' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l watchers -d 'Watchers, with a key of their own each; and as many of one prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l streams -d 'Watch streams, with one watcher each' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l conns -d 'Connections; this process needs as many open files' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l leases -d 'Leases without keys; and as many with one' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l value-size -d 'Length of a value in bytes' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l key-size -d 'Length of a key in bytes, with its prefix' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l prefix -d 'What all keys start with; what is there is deleted' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l steady -d 'Memory is read once it has kept still for this long; ten times as long is waited for that' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -s o -l output -d 'Format of the answer' -r -f -a "table\t'Aligned columns, for people'
json\t'One JSON document'
yaml\t'One YAML document'"
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l name -d 'Name of the measured server in the answer [default: its address]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l compare -d 'Measure this server too, after the first. May be repeated' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l pid -d 'Process of a named server on this machine, whose memory is read. Once for each server' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l endpoints -d 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l cacert -d 'File with the certificates that may sign the server\'s (default: the system\'s)' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l cert -d 'File with the client\'s own certificate' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l key -d 'File with the private key of --cert' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l user -d 'User to log in as; the password is asked for if it is given nowhere' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l password -d 'Password of --user' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l dial-timeout -d 'Longest wait for one connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l command-timeout -d 'Longest wait for the answer to one short request' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l keepalive-time -d 'Pause between keep-alive pings on a connection' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l keepalive-timeout -d 'Longest wait for the answer to a keep-alive ping' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -l insecure-skip-tls-verify -d 'Take any certificate of the server: the connection is encrypted, but to whom is not known'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from memory" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from noop-server" -l prefix -d 'What all keys start with' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from noop-server" -l key-size -d 'Length of a key' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from noop-server" -l key-space -d 'Number of keys it pretends to hold' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from noop-server" -l value-size -d 'Length of a value' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from noop-server" -l bare -d 'Keep keys, and answer a write when it is on the disk'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from noop-server" -s h -l help -d 'Print help'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from noop-server" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "put" -d 'Put values under keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "txn-put" -d 'Write as Kubernetes does: if the key is still at the revision known, put'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "get" -d 'Read single keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "range" -d 'List all keys of the key space in one request'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "page" -d 'Read a page of a large key space, with the count of all keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "watch" -d 'Measure how long until watchers have seen a put'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "catch-up" -d 'Measure how long watches take that begin in the past'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "mixed" -d 'Read and write single keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "lease" -d 'Grant leases, keep them alive once and revoke them'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "all" -d 'Run every row of the project\'s table of goals and say which goals are met'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "memory" -d 'Measure what keys, watchers, connections and leases take in a server\'s memory'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "noop-server" -d 'The empty server, as another process of this program starts it'
complete -c kvtool -n "__fish_kvtool_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand completions" -s h -l help -d 'Print help'
complete -c kvtool -n "__fish_kvtool_using_subcommand completions" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "serve" -d 'Serve a keyspace to etcd clients'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "status" -d 'Show version, size, leader, revision and alarms of each endpoint'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "dump" -d 'Print the keys and values under a prefix, all as of one revision'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "compact" -d 'Give up revisions that nobody needs any more'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "inspect-keyspace" -d 'Show which prefixes hold how many keys and bytes, and which keys are the largest'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "instance" -d 'Show, make, delete and bound the keyspaces that a server keeps for others'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "member" -d 'Show and change the members of the cluster'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "move-leader" -d 'Let another member lead'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "force-new-cluster" -d 'Make the only member that is left a cluster of one'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "snapshot" -d 'Save a keyspace to a file, look at one, or restore it'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "bench" -d 'Measure a server: throughput, latency, watch delay; alone or in turns with others'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "completions" -d 'Print the completions of a shell'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace instance member move-leader force-new-cluster snapshot bench completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from instance" -f -a "list" -d 'Show all of them'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from instance" -f -a "create" -d 'Make one before its owner first calls'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from instance" -f -a "quota" -d 'Show what one is allowed, and change it'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from instance" -f -a "delete" -d 'Delete one with all that it holds; whoever works there begins anew with an empty one'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from member" -f -a "list" -d 'Show the members'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from member" -f -a "add" -d 'Let one more server join; it is started afterwards'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from member" -f -a "remove" -d 'Remove a member for good; its server ends'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from member" -f -a "update" -d 'Tell the others where to reach a member from now on'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from member" -f -a "promote" -d 'Give a learner that has caught up a vote'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "save" -d 'Save the keyspace of a server to a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "status" -d 'Say what is in a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from snapshot" -f -a "restore" -d 'Make a keyspace out of a file'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "put" -d 'Put values under keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "txn-put" -d 'Write as Kubernetes does: if the key is still at the revision known, put'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "get" -d 'Read single keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "range" -d 'List all keys of the key space in one request'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "page" -d 'Read a page of a large key space, with the count of all keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "watch" -d 'Measure how long until watchers have seen a put'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "catch-up" -d 'Measure how long watches take that begin in the past'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "mixed" -d 'Read and write single keys'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "lease" -d 'Grant leases, keep them alive once and revoke them'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "all" -d 'Run every row of the project\'s table of goals and say which goals are met'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "memory" -d 'Measure what keys, watchers, connections and leases take in a server\'s memory'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "noop-server" -d 'The empty server, as another process of this program starts it'
