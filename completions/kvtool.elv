
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
            cand status 'Show version, size, leader, revision and alarms of each endpoint'
            cand dump 'Print the keys and values under a prefix, all as of one revision'
            cand compact 'Give up revisions that nobody needs any more'
            cand inspect-keyspace 'Show which prefixes hold how many keys and bytes, and which keys are the largest'
            cand completions 'Print the completions of a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
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
            cand status 'Show version, size, leader, revision and alarms of each endpoint'
            cand dump 'Print the keys and values under a prefix, all as of one revision'
            cand compact 'Give up revisions that nobody needs any more'
            cand inspect-keyspace 'Show which prefixes hold how many keys and bytes, and which keys are the largest'
            cand completions 'Print the completions of a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
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
