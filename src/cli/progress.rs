//! Progress on stderr, drawn only where a person looks on.

use super::{client::Client, output::bytes};
use crate::pb::etcdserverpb::StatusRequest;
use indicatif::{ProgressBar, ProgressStyle};
use std::{future::Future, io::IsTerminal, time::Duration};

const REDRAW: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_secs(1);

/// A bar that counts keys. Hidden without a terminal, and when the keys themselves go there.
pub fn keys() -> ProgressBar {
    if std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    bar("{bar:30} {human_pos}/{human_len} keys  {eta} left")
}

/// Waits for `work`; meanwhile a line says what is waited for and how much the database holds.
pub async fn waiting<T>(what: String, client: &Client, work: impl Future<Output = T>) -> T {
    let line = bar("{spinner} {msg}  {elapsed}").with_message(what.clone());
    let watch = async {
        let mut client = client.clone();
        loop {
            tokio::time::sleep(POLL).await;
            let request = client.request(StatusRequest {});
            if let Ok(status) = client.maintenance.status(request).await {
                let in_use = status.into_inner().db_size_in_use.max(0) as u64;
                line.set_message(format!("{what}, {} in use", bytes(in_use)));
            }
        }
    };
    let result = if line.is_hidden() {
        work.await
    } else {
        tokio::select! {
            result = work => result,
            never = watch => never,
        }
    };
    line.finish_and_clear();
    result
}

fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    // Without a terminal it draws nothing, so it needs no clock either.
    if !bar.is_hidden() {
        bar.enable_steady_tick(REDRAW);
    }
    bar
}
