import { Component, type ComponentChildren } from 'preact'

/** Confines an error during rendering to a part of the page. */
export class ErrorBoundary extends Component<{ readonly children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false }

  override componentDidCatch (error: unknown): void {
    console.error(error)
    this.setState({ failed: true })
  }

  render () {
    if (!this.state.failed) return this.props.children
    return (
      <main>
        <p class='error' role='alert'>Something went wrong while displaying this. <button type='button' class='small' onClick={() => this.setState({ failed: false })}>Try again</button></p>
      </main>
    )
  }
}
