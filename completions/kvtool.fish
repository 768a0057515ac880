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
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c kvtool -n "__fish_kvtool_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l name -d 'Name of this member [default: default]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l data-dir -d 'Directory the data lives in [default: ./kvtool.data]' -r -f -a "(__fish_complete_directories)"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l store -d 'Home of the data: a directory of this machine, or this process\'s memory [default: local]' -r -f -a "local\t''
memory\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l instance -d 'Keyspace to serve: one store holds many that cannot see each other [default: default]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l listen-client-urls -d 'URLs to listen on for clients, with commas between [default: http://127.0.0.1:2379]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l advertise-client-urls -d 'URLs clients are told to connect to [default: those listened on]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l initial-advertise-peer-urls -d 'Peer URLs shown in the member list [default: none, as there is no peer port]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l grpc-keepalive-interval -d 'Time between pings on a silent connection; 0 is never [default: 2h]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l grpc-keepalive-timeout -d 'How long a ping may go unanswered before the connection is closed [default: 20s]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l cert-file -d 'Certificate of this server, PEM; needed for https' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l key-file -d 'Private key of the certificate, PEM' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l trusted-ca-file -d 'Authorities whose client certificates are accepted, PEM; clients must then show one' -r -F
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l client-cert-auth -d 'Accept only clients with a certificate [default: true with --trusted-ca-file]' -r -f -a "true\t''
false\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l max-request-bytes -d 'Largest request, in bytes [default: 1572864]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l max-txn-ops -d 'Most compares, or operations of one branch, of a transaction [default: 128]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l max-concurrent-streams -d 'Most calls open at a time on one connection [default: 4294967295]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l auto-compaction-mode -d 'What --auto-compaction-retention counts [default: periodic]' -r -f -a "periodic\t''
revision\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l auto-compaction-retention -d 'History to keep: a duration (or hours), or a number of revisions; 0 keeps all [default: 0]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l watch-progress-notify-interval -d 'Time between progress notices to idle watchers that want them [default: 10m]' -r
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l log-level -d 'Least important messages to log [default: info]' -r -f -a "debug\t''
info\t''
warn\t''
error\t''"
complete -c kvtool -n "__fish_kvtool_using_subcommand serve" -l log-format -d 'Shape of the log on stderr [default: console]' -r -f -a "console\t''
json\t''"
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
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kvtool -n "__fish_kvtool_using_subcommand inspect-keyspace" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand completions" -s h -l help -d 'Print help'
complete -c kvtool -n "__fish_kvtool_using_subcommand completions" -s V -l version -d 'Print version'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace completions help" -f -a "serve" -d 'Serve a keyspace to etcd clients'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace completions help" -f -a "status" -d 'Show version, size, leader, revision and alarms of each endpoint'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace completions help" -f -a "dump" -d 'Print the keys and values under a prefix, all as of one revision'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace completions help" -f -a "compact" -d 'Give up revisions that nobody needs any more'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace completions help" -f -a "inspect-keyspace" -d 'Show which prefixes hold how many keys and bytes, and which keys are the largest'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace completions help" -f -a "completions" -d 'Print the completions of a shell'
complete -c kvtool -n "__fish_kvtool_using_subcommand help; and not __fish_seen_subcommand_from serve status dump compact inspect-keyspace completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
