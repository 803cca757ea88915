//! A program that pushes its media to one of our listeners, where it is met.
use super::{Over, Programs, end, start};
use crate::net::child::{Child, Spec};
use crate::net::rendezvous::{Meeting, News, Push};
use hub::{SourceError, SourceTask};

pub(super) async fn run(
    programs: &Programs,
    mut spec: Spec,
    mark: &str,
    push: Push,
    task: SourceTask,
) -> Result<(), SourceError> {
    let SourceTask { stream, publisher, worker, mut stop, .. } = task;
    let meeting = programs.rendezvous.expect(push, stream, publisher);
    let mut meeting = meeting.map_err(|error| SourceError::config(error.to_string()))?;
    for argument in &mut spec.arguments {
        *argument = argument.replace(mark, meeting.url());
    }
    spec.secrets.push(meeting.secret().to_owned());
    let mut child = start(programs, spec, &worker).await?;
    let over = tokio::select! {
        over = meet(&mut meeting, &mut child) => over,
        () = stop.wanted() => Over::Told,
    };
    end(child, over, &stop).await
}

/// Waits until the program, or its session with the listener, is over.
async fn meet(meeting: &mut Meeting, child: &mut Child) -> Over {
    let mut came = false;
    loop {
        tokio::select! {
            biased;
            news = meeting.news() => match news {
                News::Arrived => {
                    came = true;
                    child.first_bytes();
                }
                News::Left => return Over::ByItself { came },
            },
            _ = child.ended() => return Over::ByItself { came },
        }
    }
}
