
use builtin;
use str;

set edit:completion:arg-completer[kvtool] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'kvtool'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'kvtool'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand serve 'Serve a keyspace to etcd clients'
            cand status 'Show version, size, leader, revision and alarms of each endpoint'
            cand dump 'Print the keys and values under a prefix, all as of one revision'
            cand compact 'Give up revisions that nobody needs any more'
            cand inspect-keyspace 'Show which prefixes hold how many keys and bytes, and which keys are the largest'
            cand completions 'Print the completions of a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kvtool;serve'= {
            cand --name 'Name of this member [default: default]'
            cand --data-dir 'Directory the data lives in [default: ./kvtool.data]'
            cand --store 'Home of the data: a directory of this machine, or this process''s memory [default: local]'
            cand --instance 'Keyspace to serve: one store holds many that cannot see each other [default: default]'
            cand --listen-client-urls 'URLs to listen on for clients, with commas between [default: http://127.0.0.1:2379]'
            cand --advertise-client-urls 'URLs clients are told to connect to [default: those listened on]'
            cand --initial-advertise-peer-urls 'Peer URLs shown in the member list [default: none, as there is no peer port]'
            cand --grpc-keepalive-interval 'Time between pings on a silent connection; 0 is never [default: 2h]'
            cand --grpc-keepalive-timeout 'How long a ping may go unanswered before the connection is closed [default: 20s]'
            cand --cert-file 'Certificate of this server, PEM; needed for https'
            cand --key-file 'Private key of the certificate, PEM'
            cand --trusted-ca-file 'Authorities whose client certificates are accepted, PEM; clients must then show one'
            cand --client-cert-auth 'Accept only clients with a certificate [default: true with --trusted-ca-file]'
            cand --max-request-bytes 'Largest request, in bytes [default: 1572864]'
            cand --max-txn-ops 'Most compares, or operations of one branch, of a transaction [default: 128]'
            cand --max-concurrent-streams 'Most calls open at a time on one connection [default: 4294967295]'
            cand --auto-compaction-mode 'What --auto-compaction-retention counts [default: periodic]'
            cand --auto-compaction-retention 'History to keep: a duration (or hours), or a number of revisions; 0 keeps all [default: 0]'
            cand --watch-progress-notify-interval 'Time between progress notices to idle watchers that want them [default: 10m]'
            cand --log-level 'Least important messages to log [default: info]'
            cand --log-format 'Shape of the log on stderr [default: console]'
            cand --etcd-version 'etcd version reported to clients, who choose by it what they use [default: 3.7.1]'
            cand --config-file 'YAML file with settings; its keys are the flags'
            cand --print-config 'Print the settings in effect, and where each comes from, as YAML; do not serve'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'kvtool;status'= {
            cand -o 'Format of the answer'
            cand --output 'Format of the answer'
            cand --endpoints 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT'
            cand --cacert 'File with the certificates that may sign the server''s (default: the system''s)'
            cand --cert 'File with the client''s own certificate'
            cand --key 'File with the private key of --cert'
            cand --user 'User to log in as; the password is asked for if it is given nowhere'
            cand --password 'Password of --user'
            cand --dial-timeout 'Longest wait for one connection'
            cand --command-timeout 'Longest wait for the answer to one short request'
            cand --keepalive-time 'Pause between keep-alive pings on a connection'
            cand --keepalive-timeout 'Longest wait for the answer to a keep-alive ping'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'kvtool;dump'= {
            cand --prefix 'Keys that begin with this text (default: all keys)'
            cand --from 'First key'
            cand --to 'First key that is not part of the dump any more'
            cand --rev 'Read as of this revision (default: the current one)'
            cand --limit 'Stop after so many keys'
            cand --page-size 'Most keys in one request, for servers that cannot stream a range'
            cand -o 'Format of the records'
            cand --output 'Format of the records'
            cand --format 'Format of the records'
            cand --encoding 'How keys and values are written in jsonl, json and yaml'
            cand --endpoints 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT'
            cand --cacert 'File with the certificates that may sign the server''s (default: the system''s)'
            cand --cert 'File with the client''s own certificate'
            cand --key 'File with the private key of --cert'
            cand --user 'User to log in as; the password is asked for if it is given nowhere'
            cand --password 'Password of --user'
            cand --dial-timeout 'Longest wait for one connection'
            cand --command-timeout 'Longest wait for the answer to one short request'
            cand --keepalive-time 'Pause between keep-alive pings on a connection'
            cand --keepalive-timeout 'Longest wait for the answer to a keep-alive ping'
            cand --keys-only 'Leave the values out'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'kvtool;compact'= {
            cand --revision 'Compact to this revision'
            cand --keep-last 'Keep so many of the newest revisions'
            cand --older-than 'Keep what is younger than this'
            cand --state 'Notes of --older-than (default: one file per cluster in ~/.local/state/kvtool)'
            cand -o 'Format of the answer'
            cand --output 'Format of the answer'
            cand --endpoints 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT'
            cand --cacert 'File with the certificates that may sign the server''s (default: the system''s)'
            cand --cert 'File with the client''s own certificate'
            cand --key 'File with the private key of --cert'
            cand --user 'User to log in as; the password is asked for if it is given nowhere'
            cand --password 'Password of --user'
            cand --dial-timeout 'Longest wait for one connection'
            cand --command-timeout 'Longest wait for the answer to one short request'
            cand --keepalive-time 'Pause between keep-alive pings on a connection'
            cand --keepalive-timeout 'Longest wait for the answer to a keep-alive ping'
            cand --no-wait 'Return when the compaction is accepted, before the old versions are deleted'
            cand --defrag 'Defragment every endpoint afterwards, one by one; a real etcd serves nothing meanwhile'
            cand --dry-run 'Say what would be compacted and change nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'kvtool;inspect-keyspace'= {
            cand --prefix 'Only keys that begin with this text (default: all keys)'
            cand --depth 'Parts of the name behind the prefix that make a group'
            cand --separator 'The character between parts'
            cand --top 'Show so many of the largest keys'
            cand --groups 'Show so many groups at most; the smaller ones become one row'
            cand --sort 'Order of the groups'
            cand --growth 'Watch the range for so long and show what is written'
            cand -o 'Format of the answer'
            cand --output 'Format of the answer'
            cand --endpoints 'Servers to talk to, tried in order: http://HOST:PORT, https://HOST:PORT or HOST:PORT'
            cand --cacert 'File with the certificates that may sign the server''s (default: the system''s)'
            cand --cert 'File with the client''s own certificate'
            cand --key 'File with the private key of --cert'
            cand --user 'User to log in as; the password is asked for if it is given nowhere'
            cand --password 'Password of --user'
            cand --dial-timeout 'Longest wait for one connection'
            cand --command-timeout 'Longest wait for the answer to one short request'
            cand --keepalive-time 'Pause between keep-alive pings on a connection'
            cand --keepalive-timeout 'Longest wait for the answer to a keep-alive ping'
            cand --versions 'Count the versions and deletions the server still keeps'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'kvtool;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'kvtool;help'= {
            cand serve 'Serve a keyspace to etcd clients'
            cand status 'Show version, size, leader, revision and alarms of each endpoint'
            cand dump 'Print the keys and values under a prefix, all as of one revision'
            cand compact 'Give up revisions that nobody needs any more'
            cand inspect-keyspace 'Show which prefixes hold how many keys and bytes, and which keys are the largest'
            cand completions 'Print the completions of a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kvtool;help;serve'= {
        }
        &'kvtool;help;status'= {
        }
        &'kvtool;help;dump'= {
        }
        &'kvtool;help;compact'= {
        }
        &'kvtool;help;inspect-keyspace'= {
        }
        &'kvtool;help;completions'= {
        }
        &'kvtool;help;help'= {
        }
    ]
    $completions[$command]
}
