//! A FoundationDB cluster that speaks nothing but TLS, served by processes with the right
//! certificates, with none, with others and with files that are not there.

mod support;

use kvtool::pb::etcdserverpb::PutRequest;
use std::ffi::OsString;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::authority::Authority;
use support::client::Client;
use support::cluster::{Cluster, Tls};
use support::server::{Server, free_port};

/// A server that cannot reach its cluster gives up before this: five seconds of asking, and as
/// many again for a machine that is busy.
const REFUSAL: Duration = Duration::from_secs(10);

/// `kvtool serve` on a cluster, with flags for its TLS.
fn serve(cluster: &Cluster, port: u16, tls: &[OsString]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvtool"));
    command.args(["serve", "--listen-client-urls"]);
    command.arg(format!("http://127.0.0.1:{port}"));
    command.args(["--store", "fdb", "--fdb-cluster-file"]);
    command.arg(cluster.file()).args(tls);
    for variable in ["CERTIFICATE_FILE", "KEY_FILE", "CA_FILE"] {
        command.env_remove(format!("FDB_TLS_{variable}"));
    }
    command
}

/// What a server says that ends by itself.
fn refusal(cluster: &Cluster, tls: &[OsString]) -> (Option<i32>, String) {
    let begin = Instant::now();
    let Output { status, stderr, .. } = serve(cluster, free_port(), tls)
        .output()
        .expect("it was built");
    assert!(begin.elapsed() < REFUSAL, "{:?}", begin.elapsed());
    let text = String::from_utf8_lossy(&stderr).into_owned();
    // It may log before; the sentence is the last line, and says it all.
    let sentence = text.lines().last().unwrap_or_default().to_owned();
    (status.code(), sentence)
}

#[tokio::test]
async fn a_cluster_behind_tls_is_served_with_its_certificates_and_with_no_others() {
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let own = Authority::new().issue_files(directories[0].path());
    let foreign = Authority::new().issue_files(directories[1].path());
    let Some(cluster) = Cluster::encrypted("FoundationDB over TLS", &own) else {
        return;
    };

    let port = free_port();
    let command = serve(&cluster, port, &own.flags("fdb-"));
    let mut server = Server::launch(command, ([127, 0, 0, 1], port).into());
    let mut client = Client::connect(&server.endpoint()).await.expect("connects");
    let put = PutRequest {
        key: "over TLS".into(),
        ..PutRequest::default()
    };
    client.kv.put(put).await.expect("it is answered");
    assert!(server.terminate().success());

    // What FoundationDB itself makes of a certificate it cannot trust is silence.
    let silence = "did not answer in 5 s: check that it runs, that its addresses can be reached, \
                   its TLS settings,";
    let unknown_client = Tls {
        authority: own.authority.clone(),
        ..foreign.clone()
    };
    let unknown_cluster = Tls {
        authority: foreign.authority.clone(),
        ..own.clone()
    };
    for (case, tls) in [
        ("no certificates", Vec::new()),
        ("a foreign authority's", foreign.flags("fdb-")),
        ("a foreign client's", unknown_client.flags("fdb-")),
        ("a foreign cluster's", unknown_cluster.flags("fdb-")),
    ] {
        let (code, sentence) = refusal(&cluster, &tls);
        assert!(sentence.contains(silence), "{case}: {sentence}");
        assert_eq!(code, Some(3), "{case}: {sentence}");
    }

    let missing = Tls {
        key: directories[0].path().join("none.pem"),
        ..own
    };
    let (code, sentence) = refusal(&cluster, &missing.flags("fdb-"));
    let names_it = "--fdb-tls-key-file ";
    let says_why = "none.pem cannot be read (No such file or directory";
    assert!(sentence.contains(names_it) && sentence.contains(says_why));
    assert_eq!(code, Some(1), "{sentence}");
}
