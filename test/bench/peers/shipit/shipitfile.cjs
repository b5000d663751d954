const deploy = require('shipit-deploy')

const { BENCH_WORKSPACE: workspace, BENCH_ROOT: deployTo } = process.env

module.exports = (shipit) => {
  deploy(shipit)
  shipit.initConfig({
    default: {
      workspace,
      keepWorkspace: true,
      shallowClone: false,
      branch: 'main',
      dirToCopy: 'files',
      deployTo,
      keepReleases: 3,
      deleteOnRollback: false,
    },
    lab: { servers: process.env.BENCH_SERVERS.split(',') },
  })
  shipit.on('published', () => shipit.start('restart'))
  shipit.blTask('restart', () => shipit.remote(`systemctl restart '${process.env.BENCH_UNITS}'`))
}
