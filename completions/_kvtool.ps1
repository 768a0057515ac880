
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
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show version, size, leader, revision and alarms of each endpoint')
            [CompletionResult]::new('dump', 'dump', [CompletionResultType]::ParameterValue, 'Print the keys and values under a prefix, all as of one revision')
            [CompletionResult]::new('compact', 'compact', [CompletionResultType]::ParameterValue, 'Give up revisions that nobody needs any more')
            [CompletionResult]::new('inspect-keyspace', 'inspect-keyspace', [CompletionResultType]::ParameterValue, 'Show which prefixes hold how many keys and bytes, and which keys are the largest')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
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
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
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
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show version, size, leader, revision and alarms of each endpoint')
            [CompletionResult]::new('dump', 'dump', [CompletionResultType]::ParameterValue, 'Print the keys and values under a prefix, all as of one revision')
            [CompletionResult]::new('compact', 'compact', [CompletionResultType]::ParameterValue, 'Give up revisions that nobody needs any more')
            [CompletionResult]::new('inspect-keyspace', 'inspect-keyspace', [CompletionResultType]::ParameterValue, 'Show which prefixes hold how many keys and bytes, and which keys are the largest')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
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
