import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist', '.tap', 'coverage'] }),
  {
    files: ['lib/**'],
    rules: {
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', 50]
    }
  }
]
