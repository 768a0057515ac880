
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'kvtool' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'kvtool'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'kvtool' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve a keyspace to etcd clients')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show version, size, leader, revision and alarms of each endpoint')
            [CompletionResult]::new('dump', 'dump', [CompletionResultType]::ParameterValue, 'Print the keys and values under a prefix, all as of one revision')
            [CompletionResult]::new('compact', 'compact', [CompletionResultType]::ParameterValue, 'Give up revisions that nobody needs any more')
            [CompletionResult]::new('inspect-keyspace', 'inspect-keyspace', [CompletionResultType]::ParameterValue, 'Show which prefixes hold how many keys and bytes, and which keys are the largest')
            [CompletionResult]::new('instance', 'instance', [CompletionResultType]::ParameterValue, 'Show, make, delete and bound the keyspaces that a server keeps for others')
            [CompletionResult]::new('member', 'member', [CompletionResultType]::ParameterValue, 'Show and change the members of the cluster')
            [CompletionResult]::new('move-leader', 'move-leader', [CompletionResultType]::ParameterValue, 'Let another member lead')
            [CompletionResult]::new('force-new-cluster', 'force-new-cluster', [CompletionResultType]::ParameterValue, 'Make the only member that is left a cluster of one')
            [CompletionResult]::new('snapshot', 'snapshot', [CompletionResultType]::ParameterValue, 'Save a keyspace to a file, look at one, or restore it')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure a server: throughput, latency, watch delay; alone or in turns with others')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;serve' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of this member; each server of an instance on FoundationDB has its own [default: default]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory the data lives in [default: ./kvtool.data]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Home of the data: the directories of a group of servers, of one until others are added; a directory of this machine; a FoundationDB cluster; or this process''s memory [default: raft]')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Keyspace to serve: one store holds many that cannot see each other [default: default]')
            [CompletionResult]::new('--instance-from', '--instance-from', [CompletionResultType]::ParameterName, 'Each connection works in the keyspace that its certificate names: client-cert (by its common name), client-cert:san-dns or client-cert:san-uri [default: all in that of --instance]')
            [CompletionResult]::new('--instances-max', '--instances-max', [CompletionResultType]::ParameterName, 'Keyspaces open at a time with --instance-from [default: 64]')
            [CompletionResult]::new('--instances-size', '--instances-size', [CompletionResultType]::ParameterName, 'Bytes that such a keyspace may take, such as 2GiB, unless `kvtool instance` says otherwise [default: none]')
            [CompletionResult]::new('--instances-requests', '--instances-requests', [CompletionResultType]::ParameterName, 'Requests of each of them that are admitted in a second [default: none]')
            [CompletionResult]::new('--instances-write-bytes', '--instances-write-bytes', [CompletionResultType]::ParameterName, 'Bytes of writes of each of them that are admitted in a second, such as 4MiB [default: none]')
            [CompletionResult]::new('--listen-client-urls', '--listen-client-urls', [CompletionResultType]::ParameterName, 'URLs to listen on for clients, with commas between [default: http://127.0.0.1:2379]')
            [CompletionResult]::new('--listen-client-http-urls', '--listen-client-http-urls', [CompletionResultType]::ParameterName, 'URLs for plain HTTP; the client URLs then serve gRPC alone [default: none]')
            [CompletionResult]::new('--listen-metrics-urls', '--listen-metrics-urls', [CompletionResultType]::ParameterName, 'URLs that serve /metrics and /health alone, with commas between [default: none; the client URLs serve both]')
            [CompletionResult]::new('--listen-control-urls', '--listen-control-urls', [CompletionResultType]::ParameterName, 'URLs for `kvtool instance`: unix://PATH, or http:// on a loopback address; whoever reaches them may delete keyspaces [default: none]')
            [CompletionResult]::new('--enable-grpc-gateway', '--enable-grpc-gateway', [CompletionResultType]::ParameterName, 'Serve etcd''s API as JSON, too, where plain HTTP is served [default: true]')
            [CompletionResult]::new('--cors', '--cors', [CompletionResultType]::ParameterName, 'Origins of web pages that may use what is served over HTTP, with commas between; * is all [default: none]')
            [CompletionResult]::new('--host-whitelist', '--host-whitelist', [CompletionResultType]::ParameterName, 'Hosts that HTTP requests without TLS may name, with commas between; * is all [default: *]')
            [CompletionResult]::new('--advertise-client-urls', '--advertise-client-urls', [CompletionResultType]::ParameterName, 'URLs clients are told to connect to [default: those listened on]')
            [CompletionResult]::new('--forward-writes', '--forward-writes', [CompletionResultType]::ParameterName, 'Send writes to the server that leads, where several serve one keyspace [default: true]')
            [CompletionResult]::new('--grpc-keepalive-interval', '--grpc-keepalive-interval', [CompletionResultType]::ParameterName, 'Time between pings on a silent connection; 0 is never [default: 2h]')
            [CompletionResult]::new('--grpc-keepalive-timeout', '--grpc-keepalive-timeout', [CompletionResultType]::ParameterName, 'How long a ping may go unanswered before the connection is closed [default: 20s]')
            [CompletionResult]::new('--cert-file', '--cert-file', [CompletionResultType]::ParameterName, 'Certificate of this server, PEM; needed for https')
            [CompletionResult]::new('--key-file', '--key-file', [CompletionResultType]::ParameterName, 'Private key of the certificate, PEM')
            [CompletionResult]::new('--trusted-ca-file', '--trusted-ca-file', [CompletionResultType]::ParameterName, 'Authorities whose client certificates are accepted, PEM; clients must then show one')
            [CompletionResult]::new('--client-cert-auth', '--client-cert-auth', [CompletionResultType]::ParameterName, 'Accept only clients with a certificate [default: true with --trusted-ca-file]')
            [CompletionResult]::new('--client-crl-file', '--client-crl-file', [CompletionResultType]::ParameterName, 'Certificates that are no longer accepted of clients, PEM or DER')
            [CompletionResult]::new('--client-cert-allowed-hostname', '--client-cert-allowed-hostname', [CompletionResultType]::ParameterName, 'Hosts of which a client''s certificate must name one, with commas between')
            [CompletionResult]::new('--auto-tls', '--auto-tls', [CompletionResultType]::ParameterName, 'Serve https with a certificate of our own making, kept in the data directory [default: false]')
            [CompletionResult]::new('--self-signed-cert-validity', '--self-signed-cert-validity', [CompletionResultType]::ParameterName, 'Years such a certificate is good for [default: 1]')
            [CompletionResult]::new('--tls-min-version', '--tls-min-version', [CompletionResultType]::ParameterName, 'Oldest TLS spoken: TLS1.2 or TLS1.3 [default: TLS1.2]')
            [CompletionResult]::new('--tls-max-version', '--tls-max-version', [CompletionResultType]::ParameterName, 'Newest TLS spoken [default: the newest]')
            [CompletionResult]::new('--cipher-suites', '--cipher-suites', [CompletionResultType]::ParameterName, 'Ciphers of TLS 1.2, with commas between [default: all that are sound]')
            [CompletionResult]::new('--auth-token', '--auth-token', [CompletionResultType]::ParameterName, 'What users get when they log in: simple, or jwt,sign-method=METHOD,priv-key=FILE,pub-key=FILE, ttl=DURATION [default: simple]')
            [CompletionResult]::new('--auth-token-ttl', '--auth-token-ttl', [CompletionResultType]::ParameterName, 'Seconds a login with a simple token lives after its last use [default: 300]')
            [CompletionResult]::new('--bcrypt-cost', '--bcrypt-cost', [CompletionResultType]::ParameterName, 'Doublings of the work that a hash of a password takes, 4 to 31 [default: 10]')
            [CompletionResult]::new('--listen-peer-urls', '--listen-peer-urls', [CompletionResultType]::ParameterName, 'URLs to listen on for other members, with commas between; who is alone needs none')
            [CompletionResult]::new('--initial-advertise-peer-urls', '--initial-advertise-peer-urls', [CompletionResultType]::ParameterName, 'URLs other members are told to connect to [default: those listened on, else http://localhost:2380]')
            [CompletionResult]::new('--initial-cluster', '--initial-cluster', [CompletionResultType]::ParameterName, 'Members of the group when it begins or is joined, this one too: NAME=URL,... [default: this one alone]')
            [CompletionResult]::new('--initial-cluster-state', '--initial-cluster-state', [CompletionResultType]::ParameterName, 'Whether the members found the group, or this one joins it [default: new]')
            [CompletionResult]::new('--initial-cluster-token', '--initial-cluster-token', [CompletionResultType]::ParameterName, 'Tells groups that began with the same members apart [default: etcd-cluster]')
            [CompletionResult]::new('--heartbeat-interval', '--heartbeat-interval', [CompletionResultType]::ParameterName, 'Milliseconds between two signs of life of a leader [default: 100]')
            [CompletionResult]::new('--election-timeout', '--election-timeout', [CompletionResultType]::ParameterName, 'Milliseconds without one until others ask to be elected [default: 1000]')
            [CompletionResult]::new('--set-member-localaddr', '--set-member-localaddr', [CompletionResultType]::ParameterName, 'Call other members from the first address of --initial-advertise-peer-urls that is no loopback [default: false]')
            [CompletionResult]::new('--strict-reconfig-check', '--strict-reconfig-check', [CompletionResultType]::ParameterName, 'Refuse changes of the members that may cost the group its quorum [default: true]')
            [CompletionResult]::new('--max-learners', '--max-learners', [CompletionResultType]::ParameterName, 'Most members without a vote [default: 1]')
            [CompletionResult]::new('--corrupt-check-time', '--corrupt-check-time', [CompletionResultType]::ParameterName, 'Time between two comparisons of all members'' keyspaces, which raise the alarm CORRUPT for one that differs; 0 is never. One server alone, and those of FoundationDB, have nothing to compare [default: 0s]')
            [CompletionResult]::new('--compact-hash-check-enabled', '--compact-hash-check-enabled', [CompletionResultType]::ParameterName, 'Compare them after compactions, too [default: false]')
            [CompletionResult]::new('--compact-hash-check-time', '--compact-hash-check-time', [CompletionResultType]::ParameterName, 'Time after which a compaction is looked for [default: 1m]')
            [CompletionResult]::new('--initial-corrupt-check', '--initial-corrupt-check', [CompletionResultType]::ParameterName, 'Do not serve with a keyspace that differs from those of the members that are there [default: false]')
            [CompletionResult]::new('--peer-cert-file', '--peer-cert-file', [CompletionResultType]::ParameterName, 'Certificate of this server for other members, PEM; shown to them when it calls, too')
            [CompletionResult]::new('--peer-key-file', '--peer-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM')
            [CompletionResult]::new('--peer-client-cert-file', '--peer-client-cert-file', [CompletionResultType]::ParameterName, 'Certificate to show when this server calls other members, PEM [default: that of --peer-cert-file]')
            [CompletionResult]::new('--peer-client-key-file', '--peer-client-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM')
            [CompletionResult]::new('--peer-trusted-ca-file', '--peer-trusted-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the members'' certificates, PEM')
            [CompletionResult]::new('--peer-auto-tls', '--peer-auto-tls', [CompletionResultType]::ParameterName, 'Speak https to other members with a certificate of our own making, kept in the data directory, and take any of theirs: hides what is said, but lets strangers in [default: false]')
            [CompletionResult]::new('--peer-client-cert-auth', '--peer-client-cert-auth', [CompletionResultType]::ParameterName, 'Accept only members with a certificate [default: true with --peer-trusted-ca-file]')
            [CompletionResult]::new('--peer-crl-file', '--peer-crl-file', [CompletionResultType]::ParameterName, 'Certificates that are no longer accepted of members, PEM or DER')
            [CompletionResult]::new('--peer-cert-allowed-cn', '--peer-cert-allowed-cn', [CompletionResultType]::ParameterName, 'Common names of members'' certificates, with commas between [default: any]')
            [CompletionResult]::new('--peer-cert-allowed-hostname', '--peer-cert-allowed-hostname', [CompletionResultType]::ParameterName, 'Hosts of which a member''s certificate must name one, with commas between [default: any]')
            [CompletionResult]::new('--peer-skip-client-san-verification', '--peer-skip-client-san-verification', [CompletionResultType]::ParameterName, 'Take a member''s certificate from any address, also where it names hosts [default: false]')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--max-request-bytes', '--max-request-bytes', [CompletionResultType]::ParameterName, 'Largest request, in bytes [default: 1572864]')
            [CompletionResult]::new('--max-txn-ops', '--max-txn-ops', [CompletionResultType]::ParameterName, 'Most compares, or operations of one branch, of a transaction [default: 128]')
            [CompletionResult]::new('--quota-backend-bytes', '--quota-backend-bytes', [CompletionResultType]::ParameterName, 'Most bytes that keys and their history may take, before writes that add to them are refused and an alarm is raised; 0 or less is no bound [default: 0]')
            [CompletionResult]::new('--cache-bytes', '--cache-bytes', [CompletionResultType]::ParameterName, 'What may be kept in memory for reads, such as 64MiB: keys, and of a local disk also blocks, a quarter; 0 keeps no keys [default: 268435456]')
            [CompletionResult]::new('--max-concurrent-streams', '--max-concurrent-streams', [CompletionResultType]::ParameterName, 'Most calls open at a time on one connection [default: 4294967295]')
            [CompletionResult]::new('--auto-compaction-mode', '--auto-compaction-mode', [CompletionResultType]::ParameterName, 'What --auto-compaction-retention counts [default: periodic]')
            [CompletionResult]::new('--auto-compaction-retention', '--auto-compaction-retention', [CompletionResultType]::ParameterName, 'History to keep: a duration (or hours), or a number of revisions; 0 keeps all [default: 0]')
            [CompletionResult]::new('--watch-progress-notify-interval', '--watch-progress-notify-interval', [CompletionResultType]::ParameterName, 'Time between progress notices to idle watchers that want them [default: 10m]')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Least important messages to log [default: info]')
            [CompletionResult]::new('--warning-unary-request-duration', '--warning-unary-request-duration', [CompletionResultType]::ParameterName, 'Tell of requests that take longer, a few in a second [default: 300ms]')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'Shape of the log [default: console]')
            [CompletionResult]::new('--log-outputs', '--log-outputs', [CompletionResultType]::ParameterName, 'Where the log goes: stderr, stdout or files, with commas between [default: stderr]')
            [CompletionResult]::new('--etcd-version', '--etcd-version', [CompletionResultType]::ParameterName, 'etcd version reported to clients, who choose by it what they use [default: 3.7.1]')
            [CompletionResult]::new('--config-file', '--config-file', [CompletionResultType]::ParameterName, 'YAML file with settings; its keys are the flags')
            [CompletionResult]::new('--print-config', '--print-config', [CompletionResultType]::ParameterName, 'Print the settings in effect, and where each comes from, as YAML; do not serve')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;status' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;dump' {
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'Keys that begin with this text (default: all keys)')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'First key')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'First key that is not part of the dump any more')
            [CompletionResult]::new('--rev', '--rev', [CompletionResultType]::ParameterName, 'Read as of this revision (default: the current one)')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Stop after so many keys')
            [CompletionResult]::new('--page-size', '--page-size', [CompletionResultType]::ParameterName, 'Most keys in one request, for servers that cannot stream a range')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the records')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the records')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Format of the records')
            [CompletionResult]::new('--encoding', '--encoding', [CompletionResultType]::ParameterName, 'How keys and values are written in jsonl, json and yaml')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--keys-only', '--keys-only', [CompletionResultType]::ParameterName, 'Leave the values out')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;compact' {
            [CompletionResult]::new('--revision', '--revision', [CompletionResultType]::ParameterName, 'Compact to this revision')
            [CompletionResult]::new('--keep-last', '--keep-last', [CompletionResultType]::ParameterName, 'Keep so many of the newest revisions')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Keep what is younger than this')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Notes of --older-than (default: one file per cluster in ~/.local/state/kvtool)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--no-wait', '--no-wait', [CompletionResultType]::ParameterName, 'Return when the compaction is accepted, before the old versions are deleted')
            [CompletionResult]::new('--defrag', '--defrag', [CompletionResultType]::ParameterName, 'Defragment every endpoint afterwards, one by one; a real etcd serves nothing meanwhile')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Say what would be compacted and change nothing')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;inspect-keyspace' {
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'Only keys that begin with this text (default: all keys)')
            [CompletionResult]::new('--depth', '--depth', [CompletionResultType]::ParameterName, 'Parts of the name behind the prefix that make a group')
            [CompletionResult]::new('--separator', '--separator', [CompletionResultType]::ParameterName, 'The character between parts')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show so many of the largest keys')
            [CompletionResult]::new('--groups', '--groups', [CompletionResultType]::ParameterName, 'Show so many groups at most; the smaller ones become one row')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Order of the groups')
            [CompletionResult]::new('--growth', '--growth', [CompletionResultType]::ParameterName, 'Watch the range for so long and show what is written')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Home of the data: a directory of this machine, or a FoundationDB cluster [default: raft]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory the data lives in [default: ./kvtool.data]')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Show this instance only [default: all instances]')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--versions', '--versions', [CompletionResultType]::ParameterName, 'Count the versions and deletions the server still keeps')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Read the store itself: what each subspace of an instance takes')
            [CompletionResult]::new('--all-instances', '--all-instances', [CompletionResultType]::ParameterName, 'Show all instances, which is also the default')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Count also where FoundationDB''s estimate would do, which reads everything')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;instance' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show all of them')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Make one before its owner first calls')
            [CompletionResult]::new('quota', 'quota', [CompletionResultType]::ParameterValue, 'Show what one is allowed, and change it')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Delete one with all that it holds; whoever works there begins anew with an empty one')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;instance;list' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--control-url', '--control-url', [CompletionResultType]::ParameterName, 'Where the server listens for this: unix://PATH or http://127.0.0.1:PORT')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;instance;create' {
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Bytes that its keys, values and their history may take, such as 2GiB; none is no bound')
            [CompletionResult]::new('--requests', '--requests', [CompletionResultType]::ParameterName, 'Requests that one server admits in a second; none is no bound')
            [CompletionResult]::new('--write-bytes', '--write-bytes', [CompletionResultType]::ParameterName, 'Bytes of writes that one server admits in a second, such as 4MiB; none is no bound')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--control-url', '--control-url', [CompletionResultType]::ParameterName, 'Where the server listens for this: unix://PATH or http://127.0.0.1:PORT')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;instance;quota' {
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Bytes that its keys, values and their history may take, such as 2GiB; none is no bound')
            [CompletionResult]::new('--requests', '--requests', [CompletionResultType]::ParameterName, 'Requests that one server admits in a second; none is no bound')
            [CompletionResult]::new('--write-bytes', '--write-bytes', [CompletionResultType]::ParameterName, 'Bytes of writes that one server admits in a second, such as 4MiB; none is no bound')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--control-url', '--control-url', [CompletionResultType]::ParameterName, 'Where the server listens for this: unix://PATH or http://127.0.0.1:PORT')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;instance;delete' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--control-url', '--control-url', [CompletionResultType]::ParameterName, 'Where the server listens for this: unix://PATH or http://127.0.0.1:PORT')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;instance;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show all of them')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Make one before its owner first calls')
            [CompletionResult]::new('quota', 'quota', [CompletionResultType]::ParameterValue, 'Show what one is allowed, and change it')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Delete one with all that it holds; whoever works there begins anew with an empty one')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;instance;help;list' {
            break
        }
        'kvtool;instance;help;create' {
            break
        }
        'kvtool;instance;help;quota' {
            break
        }
        'kvtool;instance;help;delete' {
            break
        }
        'kvtool;instance;help;help' {
            break
        }
        'kvtool;member' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show the members')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Let one more server join; it is started afterwards')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove a member for good; its server ends')
            [CompletionResult]::new('update', 'update', [CompletionResultType]::ParameterValue, 'Tell the others where to reach a member from now on')
            [CompletionResult]::new('promote', 'promote', [CompletionResultType]::ParameterValue, 'Give a learner that has caught up a vote')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;member;list' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;member;add' {
            [CompletionResult]::new('--peer-urls', '--peer-urls', [CompletionResultType]::ParameterName, 'Where the others will reach it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--learner', '--learner', [CompletionResultType]::ParameterName, 'Without a vote, until it is promoted')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;member;remove' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;member;update' {
            [CompletionResult]::new('--peer-urls', '--peer-urls', [CompletionResultType]::ParameterName, 'Its URLs, in the place of all it had')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;member;promote' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;member;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show the members')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Let one more server join; it is started afterwards')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove a member for good; its server ends')
            [CompletionResult]::new('update', 'update', [CompletionResultType]::ParameterValue, 'Tell the others where to reach a member from now on')
            [CompletionResult]::new('promote', 'promote', [CompletionResultType]::ParameterValue, 'Give a learner that has caught up a vote')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;member;help;list' {
            break
        }
        'kvtool;member;help;add' {
            break
        }
        'kvtool;member;help;remove' {
            break
        }
        'kvtool;member;help;update' {
            break
        }
        'kvtool;member;help;promote' {
            break
        }
        'kvtool;member;help;help' {
            break
        }
        'kvtool;move-leader' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;force-new-cluster' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'The directory of the member')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;snapshot' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Save the keyspace of a server to a file')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say what is in a file')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Make a keyspace out of a file')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;snapshot;save' {
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;snapshot;status' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;snapshot;restore' {
            [CompletionResult]::new('--bump-revision', '--bump-revision', [CompletionResultType]::ParameterName, 'Add so much to the newest revision, so that no client remembers a newer one')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Home of the keyspace [default: raft]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory the data will live in [default: ./kvtool.data]')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Name of the keyspace in its store')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the member whose directory is made [default: default]')
            [CompletionResult]::new('--initial-cluster', '--initial-cluster', [CompletionResultType]::ParameterName, 'Members of the new group, this one too: NAME=URL,... [default: whoever starts with the directory is a group of one]')
            [CompletionResult]::new('--initial-advertise-peer-urls', '--initial-advertise-peer-urls', [CompletionResultType]::ParameterName, 'URLs of this member in that list [default: http://localhost:2380]')
            [CompletionResult]::new('--initial-cluster-token', '--initial-cluster-token', [CompletionResultType]::ParameterName, 'Tells groups that begin with the same members apart [default: etcd-cluster]')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--skip-hash-check', '--skip-hash-check', [CompletionResultType]::ParameterName, 'Take a file without a hash at its end, such as the database of an etcd that is not running')
            [CompletionResult]::new('--mark-compacted', '--mark-compacted', [CompletionResultType]::ParameterName, 'Compact all that was, so that clients read anew')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;snapshot;help' {
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Save the keyspace of a server to a file')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say what is in a file')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Make a keyspace out of a file')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;snapshot;help;save' {
            break
        }
        'kvtool;snapshot;help;status' {
            break
        }
        'kvtool;snapshot;help;restore' {
            break
        }
        'kvtool;snapshot;help;help' {
            break
        }
        'kvtool;bench' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('put', 'put', [CompletionResultType]::ParameterValue, 'Put values under keys')
            [CompletionResult]::new('txn-put', 'txn-put', [CompletionResultType]::ParameterValue, 'Write as Kubernetes does: if the key is still at the revision known, put')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Read single keys')
            [CompletionResult]::new('range', 'range', [CompletionResultType]::ParameterValue, 'List all keys of the key space in one request')
            [CompletionResult]::new('page', 'page', [CompletionResultType]::ParameterValue, 'Read a page of a large key space, with the count of all keys')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Measure how long until watchers have seen a put')
            [CompletionResult]::new('catch-up', 'catch-up', [CompletionResultType]::ParameterValue, 'Measure how long watches take that begin in the past')
            [CompletionResult]::new('mixed', 'mixed', [CompletionResultType]::ParameterValue, 'Read and write single keys')
            [CompletionResult]::new('lease', 'lease', [CompletionResultType]::ParameterValue, 'Grant leases, keep them alive once and revoke them')
            [CompletionResult]::new('all', 'all', [CompletionResultType]::ParameterValue, 'Run every row of the project''s table of goals and say which goals are met')
            [CompletionResult]::new('memory', 'memory', [CompletionResultType]::ParameterValue, 'Measure what keys, watchers, connections and leases take in a server''s memory')
            [CompletionResult]::new('noop-server', 'noop-server', [CompletionResultType]::ParameterValue, 'The empty server, as another process of this program starts it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;bench;put' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;txn-put' {
            [CompletionResult]::new('--create-percent', '--create-percent', [CompletionResultType]::ParameterName, 'How many of 100 requests create a new key instead of updating one')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;get' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--serializable', '--serializable', [CompletionResultType]::ParameterName, 'Read what the asked member has, without asking the others')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;range' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--serializable', '--serializable', [CompletionResultType]::ParameterName, 'Read what the asked member has, without asking the others')
            [CompletionResult]::new('--keys-only', '--keys-only', [CompletionResultType]::ParameterName, 'Leave the values out')
            [CompletionResult]::new('--count-only', '--count-only', [CompletionResultType]::ParameterName, 'Ask only how many there are')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'Receive the list in pieces (etcd 3.7 and newer)')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;page' {
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Keys on a page')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--walk', '--walk', [CompletionResultType]::ParameterName, 'Go on to the next page, at the revision of the first, instead of reading the first again')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;watch' {
            [CompletionResult]::new('--watchers', '--watchers', [CompletionResultType]::ParameterName, 'Watchers in all')
            [CompletionResult]::new('--streams', '--streams', [CompletionResultType]::ParameterName, 'Streams they share')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--distinct', '--distinct', [CompletionResultType]::ParameterName, 'Give every watcher a key of its own instead of the whole prefix')
            [CompletionResult]::new('--prev-kv', '--prev-kv', [CompletionResultType]::ParameterName, 'Ask for the previous value with each event')
            [CompletionResult]::new('--apart', '--apart', [CompletionResultType]::ParameterName, 'Write to the first of --endpoints and watch at the others: how long an event takes from one server to another')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;catch-up' {
            [CompletionResult]::new('--revisions', '--revisions', [CompletionResultType]::ParameterName, 'How many revisions ago it begins')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;mixed' {
            [CompletionResult]::new('--reads-per-write', '--reads-per-write', [CompletionResultType]::ParameterName, 'Reads for every write, on average')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--serializable', '--serializable', [CompletionResultType]::ParameterName, 'Read what the asked member has, without asking the others')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;lease' {
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Time to live of the leases, in seconds')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Clients; each sends its next request when the one before is answered')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections the clients share [default: one for ten clients, at most 100]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads of the load generator [default: as many as processors]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Requests due per second, over all clients; latency counts from when a request was due [default: as many as the server takes]')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'Stop after this many requests')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--warmup', '--warmup', [CompletionResultType]::ParameterName, 'Time under load before the measuring begins')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of different keys')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of keys and values: the same seed makes the same requests')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--sequential', '--sequential', [CompletionResultType]::ParameterName, 'Take the keys in order, not at random')
            [CompletionResult]::new('--prefill', '--prefill', [CompletionResultType]::ParameterName, 'Write every key of the key space before the measuring')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;all' {
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Run these rows only')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Time of each run')
            [CompletionResult]::new('--keys', '--keys', [CompletionResultType]::ParameterName, 'Keys of the row that reads a page out of many')
            [CompletionResult]::new('--overwrites', '--overwrites', [CompletionResultType]::ParameterName, 'Overwrites before the row that lists overwritten keys')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with; every row adds a name of its own')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Measure this instead of --endpoints')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, in turns with the first, and print ratios: an address with a name, or a target of --target. May be repeated')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'How often each server has its turn')
            [CompletionResult]::new('--rest', '--rest', [CompletionResultType]::ParameterName, 'Time without load before each turn: what a turn has left to do is not to be paid for by the next [default: none]')
            [CompletionResult]::new('--fail-below', '--fail-below', [CompletionResultType]::ParameterName, 'Fail when the first server''s throughput is less than this many times another''s')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine: its memory and processor time are shown too. May be repeated')
            [CompletionResult]::new('--watch-pid', '--watch-pid', [CompletionResultType]::ParameterName, 'Another process of this machine, such as a database behind the servers: what it uses in each run is shown too. May be repeated')
            [CompletionResult]::new('--fdb-cluster-file', '--fdb-cluster-file', [CompletionResultType]::ParameterName, 'Cluster file [default: FDB_CLUSTER_FILE, or /etc/foundationdb/fdb.cluster]')
            [CompletionResult]::new('--fdb-connection-string', '--fdb-connection-string', [CompletionResultType]::ParameterName, 'Connection string in place of a cluster file: DESCRIPTION:ID@HOST:PORT,...')
            [CompletionResult]::new('--fdb-client-library', '--fdb-client-library', [CompletionResultType]::ParameterName, 'Client library, 7.1 or later [default: libfdb_c.so, where the system finds it]')
            [CompletionResult]::new('--fdb-external-client-dir', '--fdb-external-client-dir', [CompletionResultType]::ParameterName, 'Client libraries of other versions, used when the cluster is of theirs')
            [CompletionResult]::new('--fdb-tls-certificate-file', '--fdb-tls-certificate-file', [CompletionResultType]::ParameterName, 'Certificate for the cluster, PEM [default: FDB_TLS_CERTIFICATE_FILE]')
            [CompletionResult]::new('--fdb-tls-key-file', '--fdb-tls-key-file', [CompletionResultType]::ParameterName, 'Private key of that certificate, PEM; its password is read from FDB_TLS_PASSWORD [default: FDB_TLS_KEY_FILE]')
            [CompletionResult]::new('--fdb-tls-ca-file', '--fdb-tls-ca-file', [CompletionResultType]::ParameterName, 'Authorities that sign the cluster''s certificates, PEM [default: FDB_TLS_CA_FILE]')
            [CompletionResult]::new('--fdb-tls-verify-peers', '--fdb-tls-verify-peers', [CompletionResultType]::ParameterName, 'What the cluster''s certificates must say, as FoundationDB''s tools take it [default: FDB_TLS_VERIFY_PEERS]')
            [CompletionResult]::new('--fdb-trace-dir', '--fdb-trace-dir', [CompletionResultType]::ParameterName, 'Directory for the client library''s traces [default: none are written]')
            [CompletionResult]::new('--fdb-transaction-tag', '--fdb-transaction-tag', [CompletionResultType]::ParameterName, 'Tag of all transactions, for the cluster''s quotas')
            [CompletionResult]::new('--fdb-priority', '--fdb-priority', [CompletionResultType]::ParameterName, 'Priority of all transactions; batch gives way to other work [default: default]')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;memory' {
            [CompletionResult]::new('--keys', '--keys', [CompletionResultType]::ParameterName, 'Keys to write, and then to list; 0 leaves this and each of the following out')
            [CompletionResult]::new('--watchers', '--watchers', [CompletionResultType]::ParameterName, 'Watchers, with a key of their own each; and as many of one prefix')
            [CompletionResult]::new('--streams', '--streams', [CompletionResultType]::ParameterName, 'Watch streams, with one watcher each')
            [CompletionResult]::new('--conns', '--conns', [CompletionResultType]::ParameterName, 'Connections; this process needs as many open files')
            [CompletionResult]::new('--leases', '--leases', [CompletionResultType]::ParameterName, 'Leases without keys; and as many with one')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value in bytes')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key in bytes, with its prefix')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with; what is there is deleted')
            [CompletionResult]::new('--steady', '--steady', [CompletionResultType]::ParameterName, 'Memory is read once it has kept still for this long; ten times as long is waited for that')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the answer')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the measured server in the answer [default: its address]')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Measure this server too, after the first. May be repeated')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of a named server on this machine, whose memory is read. Once for each server')
            [CompletionResult]::new('--endpoints', '--endpoints', [CompletionResultType]::ParameterName, 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'File with the certificates that may sign the server''s (default: the system''s)')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'File with the client''s own certificate')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the private key of --cert')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User to log in as; the password is asked for if it is given nowhere')
            [CompletionResult]::new('--password', '--password', [CompletionResultType]::ParameterName, 'Password of --user')
            [CompletionResult]::new('--dial-timeout', '--dial-timeout', [CompletionResultType]::ParameterName, 'Longest wait for one connection')
            [CompletionResult]::new('--command-timeout', '--command-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to one short request')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Pause between keep-alive pings on a connection')
            [CompletionResult]::new('--keepalive-timeout', '--keepalive-timeout', [CompletionResultType]::ParameterName, 'Longest wait for the answer to a keep-alive ping')
            [CompletionResult]::new('--insecure-skip-tls-verify', '--insecure-skip-tls-verify', [CompletionResultType]::ParameterName, 'Take any certificate of the server: the connection is encrypted, but to whom is not known')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;noop-server' {
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'What all keys start with')
            [CompletionResult]::new('--key-size', '--key-size', [CompletionResultType]::ParameterName, 'Length of a key')
            [CompletionResult]::new('--key-space', '--key-space', [CompletionResultType]::ParameterName, 'Number of keys it pretends to hold')
            [CompletionResult]::new('--value-size', '--value-size', [CompletionResultType]::ParameterName, 'Length of a value')
            [CompletionResult]::new('--bare', '--bare', [CompletionResultType]::ParameterName, 'Keep keys, and answer a write when it is on the disk')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;bench;help' {
            [CompletionResult]::new('put', 'put', [CompletionResultType]::ParameterValue, 'Put values under keys')
            [CompletionResult]::new('txn-put', 'txn-put', [CompletionResultType]::ParameterValue, 'Write as Kubernetes does: if the key is still at the revision known, put')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Read single keys')
            [CompletionResult]::new('range', 'range', [CompletionResultType]::ParameterValue, 'List all keys of the key space in one request')
            [CompletionResult]::new('page', 'page', [CompletionResultType]::ParameterValue, 'Read a page of a large key space, with the count of all keys')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Measure how long until watchers have seen a put')
            [CompletionResult]::new('catch-up', 'catch-up', [CompletionResultType]::ParameterValue, 'Measure how long watches take that begin in the past')
            [CompletionResult]::new('mixed', 'mixed', [CompletionResultType]::ParameterValue, 'Read and write single keys')
            [CompletionResult]::new('lease', 'lease', [CompletionResultType]::ParameterValue, 'Grant leases, keep them alive once and revoke them')
            [CompletionResult]::new('all', 'all', [CompletionResultType]::ParameterValue, 'Run every row of the project''s table of goals and say which goals are met')
            [CompletionResult]::new('memory', 'memory', [CompletionResultType]::ParameterValue, 'Measure what keys, watchers, connections and leases take in a server''s memory')
            [CompletionResult]::new('noop-server', 'noop-server', [CompletionResultType]::ParameterValue, 'The empty server, as another process of this program starts it')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;bench;help;put' {
            break
        }
        'kvtool;bench;help;txn-put' {
            break
        }
        'kvtool;bench;help;get' {
            break
        }
        'kvtool;bench;help;range' {
            break
        }
        'kvtool;bench;help;page' {
            break
        }
        'kvtool;bench;help;watch' {
            break
        }
        'kvtool;bench;help;catch-up' {
            break
        }
        'kvtool;bench;help;mixed' {
            break
        }
        'kvtool;bench;help;lease' {
            break
        }
        'kvtool;bench;help;all' {
            break
        }
        'kvtool;bench;help;memory' {
            break
        }
        'kvtool;bench;help;noop-server' {
            break
        }
        'kvtool;bench;help;help' {
            break
        }
        'kvtool;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'kvtool;help' {
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve a keyspace to etcd clients')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show version, size, leader, revision and alarms of each endpoint')
            [CompletionResult]::new('dump', 'dump', [CompletionResultType]::ParameterValue, 'Print the keys and values under a prefix, all as of one revision')
            [CompletionResult]::new('compact', 'compact', [CompletionResultType]::ParameterValue, 'Give up revisions that nobody needs any more')
            [CompletionResult]::new('inspect-keyspace', 'inspect-keyspace', [CompletionResultType]::ParameterValue, 'Show which prefixes hold how many keys and bytes, and which keys are the largest')
            [CompletionResult]::new('instance', 'instance', [CompletionResultType]::ParameterValue, 'Show, make, delete and bound the keyspaces that a server keeps for others')
            [CompletionResult]::new('member', 'member', [CompletionResultType]::ParameterValue, 'Show and change the members of the cluster')
            [CompletionResult]::new('move-leader', 'move-leader', [CompletionResultType]::ParameterValue, 'Let another member lead')
            [CompletionResult]::new('force-new-cluster', 'force-new-cluster', [CompletionResultType]::ParameterValue, 'Make the only member that is left a cluster of one')
            [CompletionResult]::new('snapshot', 'snapshot', [CompletionResultType]::ParameterValue, 'Save a keyspace to a file, look at one, or restore it')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure a server: throughput, latency, watch delay; alone or in turns with others')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kvtool;help;serve' {
            break
        }
        'kvtool;help;status' {
            break
        }
        'kvtool;help;dump' {
            break
        }
        'kvtool;help;compact' {
            break
        }
        'kvtool;help;inspect-keyspace' {
            break
        }
        'kvtool;help;instance' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show all of them')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Make one before its owner first calls')
            [CompletionResult]::new('quota', 'quota', [CompletionResultType]::ParameterValue, 'Show what one is allowed, and change it')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Delete one with all that it holds; whoever works there begins anew with an empty one')
            break
        }
        'kvtool;help;instance;list' {
            break
        }
        'kvtool;help;instance;create' {
            break
        }
        'kvtool;help;instance;quota' {
            break
        }
        'kvtool;help;instance;delete' {
            break
        }
        'kvtool;help;member' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show the members')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Let one more server join; it is started afterwards')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove a member for good; its server ends')
            [CompletionResult]::new('update', 'update', [CompletionResultType]::ParameterValue, 'Tell the others where to reach a member from now on')
            [CompletionResult]::new('promote', 'promote', [CompletionResultType]::ParameterValue, 'Give a learner that has caught up a vote')
            break
        }
        'kvtool;help;member;list' {
            break
        }
        'kvtool;help;member;add' {
            break
        }
        'kvtool;help;member;remove' {
            break
        }
        'kvtool;help;member;update' {
            break
        }
        'kvtool;help;member;promote' {
            break
        }
        'kvtool;help;move-leader' {
            break
        }
        'kvtool;help;force-new-cluster' {
            break
        }
        'kvtool;help;snapshot' {
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Save the keyspace of a server to a file')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say what is in a file')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Make a keyspace out of a file')
            break
        }
        'kvtool;help;snapshot;save' {
            break
        }
        'kvtool;help;snapshot;status' {
            break
        }
        'kvtool;help;snapshot;restore' {
            break
        }
        'kvtool;help;bench' {
            [CompletionResult]::new('put', 'put', [CompletionResultType]::ParameterValue, 'Put values under keys')
            [CompletionResult]::new('txn-put', 'txn-put', [CompletionResultType]::ParameterValue, 'Write as Kubernetes does: if the key is still at the revision known, put')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Read single keys')
            [CompletionResult]::new('range', 'range', [CompletionResultType]::ParameterValue, 'List all keys of the key space in one request')
            [CompletionResult]::new('page', 'page', [CompletionResultType]::ParameterValue, 'Read a page of a large key space, with the count of all keys')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Measure how long until watchers have seen a put')
            [CompletionResult]::new('catch-up', 'catch-up', [CompletionResultType]::ParameterValue, 'Measure how long watches take that begin in the past')
            [CompletionResult]::new('mixed', 'mixed', [CompletionResultType]::ParameterValue, 'Read and write single keys')
            [CompletionResult]::new('lease', 'lease', [CompletionResultType]::ParameterValue, 'Grant leases, keep them alive once and revoke them')
            [CompletionResult]::new('all', 'all', [CompletionResultType]::ParameterValue, 'Run every row of the project''s table of goals and say which goals are met')
            [CompletionResult]::new('memory', 'memory', [CompletionResultType]::ParameterValue, 'Measure what keys, watchers, connections and leases take in a server''s memory')
            [CompletionResult]::new('noop-server', 'noop-server', [CompletionResultType]::ParameterValue, 'The empty server, as another process of this program starts it')
            break
        }
        'kvtool;help;bench;put' {
            break
        }
        'kvtool;help;bench;txn-put' {
            break
        }
        'kvtool;help;bench;get' {
            break
        }
        'kvtool;help;bench;range' {
            break
        }
        'kvtool;help;bench;page' {
            break
        }
        'kvtool;help;bench;watch' {
            break
        }
        'kvtool;help;bench;catch-up' {
            break
        }
        'kvtool;help;bench;mixed' {
            break
        }
        'kvtool;help;bench;lease' {
            break
        }
        'kvtool;help;bench;all' {
            break
        }
        'kvtool;help;bench;memory' {
            break
        }
        'kvtool;help;bench;noop-server' {
            break
        }
        'kvtool;help;completions' {
            break
        }
        'kvtool;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
